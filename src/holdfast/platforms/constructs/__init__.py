"""Small CDK constructs with safe defaults, each usable alone in any CDK app.

A construct owns resources; a platform wires them and grants. None of them creates a function of its own, and names
are passed in, so that policies can name a resource before it exists.
"""

from holdfast.platforms.node import use_bundled_node

use_bundled_node()
