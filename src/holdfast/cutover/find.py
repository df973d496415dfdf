"""From the name of a stack to its cutover's world: what its switch function is told, an operator's verbs are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.backup.stores.aws.clients import Clients
from holdfast.backup.stores.aws.errors import aws_errors
from holdfast.backup.stores.aws.open import outputs_of
from holdfast.cutover.environment import terms_of, world_of
from holdfast.cutover.ports import Clock, World
from holdfast.cutover.state import Terms
from holdfast.errors import NotFound

OUTPUT = "SwitchLambdaName"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The world of a deployed platform, and the terms a cutover would have."""

    world: World
    terms: Terms


def find(stack: str, *, clients: Clients, clock: Clock, region: str | None = None) -> Found:
    """Return the world of a stack.

    Raises:
        NotFound: no such stack, or one without a switch function.
    """
    outputs = outputs_of(stack, region, clients)
    if OUTPUT not in outputs:
        raise NotFound(f"stack {stack!r} has no output {OUTPUT}; name the stack of a payment-migration platform")
    client: Any = clients("lambda", region)
    with aws_errors(f"reading the function {outputs[OUTPUT]}"):
        told = client.get_function_configuration(FunctionName=outputs[OUTPUT])
    variables = told["Environment"]["Variables"]
    return Found(world=world_of(variables, clients, clock, region), terms=terms_of(variables))
