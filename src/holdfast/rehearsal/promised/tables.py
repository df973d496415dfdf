"""The tables of all resource types as one."""

from __future__ import annotations

from holdfast.rehearsal.promised.containers import CONTAINERS
from holdfast.rehearsal.promised.databases import DATABASES
from holdfast.rehearsal.promised.functions import FUNCTIONS
from holdfast.rehearsal.promised.identity import IDENTITY
from holdfast.rehearsal.promised.messages import MESSAGES
from holdfast.rehearsal.promised.networks import NETWORKS
from holdfast.rehearsal.promised.storage import STORAGE
from holdfast.rehearsal.promised.watching import WATCHING
from holdfast.rehearsal.read_back_rows import Row

PROMISED: dict[str, list[Row]] = {
    **CONTAINERS,
    **DATABASES,
    **FUNCTIONS,
    **IDENTITY,
    **MESSAGES,
    **NETWORKS,
    **STORAGE,
    **WATCHING,
}
CUSTOM = "the properties of a custom resource are its function's input, no service holds them"
UNTOLD: dict[tuple[str, str], str] = {
    ("AWS::CloudWatch::Dashboard", "Tags"): "the embedded AWS keeps no tags of dashboards",
    ("AWS::DMS::ReplicationInstance", "ReplicationSubnetGroupIdentifier"): "recorded, but told in another shape",
    ("AWS::DMS::ReplicationInstance", "VpcSecurityGroupIds"): "recorded, but told in another shape",
    ("AWS::EC2::FlowLog", "ResourceType"): "EC2 tells the resource, whose id names its type",
    ("AWS::KMS::Key", "PendingWindowInDays"): "KMS tells it only once the key's deletion is scheduled",
    ("AWS::Lambda::Function", "Code"): "functions run from the bundle; its bytes are not compared",
    ("AWS::RDS::DBCluster", "MasterUserPassword"): "no service tells a password",
    ("AWS::SecretsManager::RotationSchedule", "HostedRotationLambda"): "AWS makes the function; none runs here",
    ("AWS::SecretsManager::RotationSchedule", "RotateImmediatelyOnUpdate"): "an order to CloudFormation, no state",
    ("AWS::SecretsManager::Secret", "GenerateSecretString"): "how a secret was made is told by nobody",
    ("AWS::SecretsManager::Secret", "SecretString"): "no read-back asks for a secret's value",
}
"""Properties that no service API of AWS, or none of the embedded AWS, tells back, and why."""
