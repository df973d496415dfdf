"""What the pages say of every database platform, proved in its templates; a platform that does not is not built."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from holdfast.platforms.database_promises import Topology, read_topology
from holdfast.platforms.promises import Template
from holdfast.settings.quantities import read_duration


def contradictions(planned: Topology, templates: Sequence[Template]) -> list[str]:
    """Return what the templates do not bear out: topology, encryption, TLS, credentials, ways in, alarms."""
    return [text for built, text in _evidence(planned, templates) if not built]


def _evidence(planned: Topology, templates: Sequence[Template]) -> Iterator[tuple[bool, str]]:
    found = read_topology(templates)
    yield found == planned, f"topology: the settings say {_spelled(planned)}, the templates {_spelled(found)}"
    clusters = properties_of(templates, "AWS::RDS::DBCluster")
    yield all(one.get("StorageEncrypted") and one.get("KmsKeyId") for one in clusters), "encryption: no customer key"
    groups = json.dumps(properties_of(templates, "AWS::RDS::DBClusterParameterGroup"))
    yield "require_secure_transport" in groups or "rds.force_ssl" in groups, "TLS: no parameter demands it"
    passwords = [json.dumps(one.get("MasterUserPassword", "")) for one in clusters]
    yield all("{{resolve:secretsmanager:" in one for one in passwords), "credentials: a password is not a reference"
    public = [
        one for one in properties_of(templates, "AWS::RDS::DBInstance") if one.get("PubliclyAccessible") is not False
    ]
    yield not public, "isolation: an instance may be public"
    silent = [one for one in properties_of(templates, "AWS::CloudWatch::Alarm") if not one.get("AlarmActions")]
    yield not silent, "alarms: one tells nobody"


def _spelled(topology: object) -> str:
    if not isinstance(topology, Topology):
        return str(topology)
    copies = f", copies every {read_duration(topology.copy_gap)}" if topology.copy_gap else ""
    return f"{topology.readers} readers, {topology.zones} zones, {topology.backup_days} days{copies}"


def properties_of(templates: Sequence[Template], kind: str) -> list[Mapping[str, Any]]:
    """Return the properties of every resource of a type, in the order of the templates."""
    return [
        body.get("Properties", {})
        for template in templates
        for body in template["Resources"].values()
        if body["Type"] == kind
    ]
