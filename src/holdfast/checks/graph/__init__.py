"""The templates of one system in one scenario: resources, what they hold, and who refers to whom.

This is what rules see. Everything is resolved when it is first asked for and then kept.
"""
