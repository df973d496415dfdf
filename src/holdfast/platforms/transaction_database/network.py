"""A network without a way to the internet, and the one endpoint that rotation needs. Pure; no CDK here."""

from __future__ import annotations

from holdfast.platforms.transaction_database.template import Resources, Tags, attribute, ref, resource, sub, suffixed
from holdfast.settings.transaction_database import ZONES

PORT = 3306
# A group without egress rules lets everything out; one rule to nowhere lets nothing out.
# Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
NOWHERE = [
    {
        "CidrIp": "255.255.255.255/32",
        "Description": "Nothing goes out",
        "IpProtocol": "icmp",
        "FromPort": 252,
        "ToPort": 86,
    }
]
_SECRET_ACTIONS = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
SUBNETS = [ref(f"PrivateSubnet{n}") for n in range(1, ZONES + 1)]


def network(tags: Tags) -> Resources:
    """Return VPC, subnets, route table, groups and endpoint."""
    found = {
        "VPC": resource(
            "AWS::EC2::VPC",
            {
                "CidrBlock": ref("VpcCIDR"),
                "EnableDnsHostnames": True,
                "EnableDnsSupport": True,
                "Tags": tags("aurora-vpc", Purpose="Transaction Processing Database"),
            },
        ),
        # Local routes alone.
        "PrivateRouteTable": resource(
            "AWS::EC2::RouteTable", {"VpcId": ref("VPC"), "Tags": tags("aurora-private-routes", Type="Private")}
        ),
    }
    for n in range(1, ZONES + 1):
        found |= _subnet(n, tags)
    return found | _groups(tags) | _endpoint(tags)


def _subnet(n: int, tags: Tags) -> Resources:
    return {
        f"PrivateSubnet{n}": resource(
            "AWS::EC2::Subnet",
            {
                "VpcId": ref("VPC"),
                "CidrBlock": ref(f"PrivateSubnet{n}CIDR"),
                "AvailabilityZone": {"Fn::Select": [n - 1, {"Fn::GetAZs": ""}]},
                "MapPublicIpOnLaunch": False,
                "Tags": tags(f"aurora-private-subnet-{n}", Type="Private"),
            },
        ),
        f"PrivateSubnet{n}Routes": resource(
            "AWS::EC2::SubnetRouteTableAssociation",
            {"SubnetId": ref(f"PrivateSubnet{n}"), "RouteTableId": ref("PrivateRouteTable")},
        ),
    }


def _groups(tags: Tags) -> Resources:
    return {
        "DBSecurityGroup": resource(
            "AWS::EC2::SecurityGroup",
            {
                "GroupName": suffixed("aurora-sg"),
                "GroupDescription": "Database: MySQL from the VPC, nothing out",
                "VpcId": ref("VPC"),
                "SecurityGroupIngress": [_tcp(PORT, "MySQL from the VPC", CidrIp=ref("VpcCIDR"))],
                "SecurityGroupEgress": NOWHERE,
                "Tags": tags("aurora-sg"),
            },
        ),
        "EndpointSecurityGroup": resource(
            "AWS::EC2::SecurityGroup",
            {
                "GroupDescription": "Secrets Manager: TLS from the VPC, nothing out",
                "VpcId": ref("VPC"),
                "SecurityGroupIngress": [_tcp(443, "TLS from the VPC", CidrIp=ref("VpcCIDR"))],
                "SecurityGroupEgress": NOWHERE,
                "Tags": tags("aurora-endpoint-sg"),
            },
        ),
        "RotationSecurityGroup": resource(
            "AWS::EC2::SecurityGroup",
            {
                "GroupDescription": "Rotation function: to the database and to Secrets Manager",
                "VpcId": ref("VPC"),
                "SecurityGroupEgress": [
                    _tcp(PORT, "the database", DestinationSecurityGroupId=attribute("DBSecurityGroup", "GroupId")),
                    _tcp(443, "the endpoint", DestinationSecurityGroupId=attribute("EndpointSecurityGroup", "GroupId")),
                ],
                "Tags": tags("aurora-rotation-sg"),
            },
        ),
    }


def _tcp(port: int, description: str, **peer: object) -> dict[str, object]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "Description": description, **peer}


def _endpoint(tags: Tags) -> Resources:
    """Return the endpoint, which passes this account's callers, for this secret alone."""
    same_account = {"StringEquals": {"aws:PrincipalAccount": ref("AWS::AccountId")}}
    passed = {"Effect": "Allow", "Principal": "*", "Condition": same_account}
    statements = [
        {
            **passed,
            "Action": [f"secretsmanager:{one}" for one in _SECRET_ACTIONS],
            "Resource": ref("DBPasswordSecret"),
        },
        {**passed, "Action": "secretsmanager:GetRandomPassword", "Resource": "*"},
    ]
    return {
        "SecretsManagerEndpoint": resource(
            "AWS::EC2::VPCEndpoint",
            {
                "VpcId": ref("VPC"),
                "VpcEndpointType": "Interface",
                "ServiceName": sub("com.amazonaws.${AWS::Region}.secretsmanager"),
                "PrivateDnsEnabled": True,
                "SubnetIds": SUBNETS,
                "SecurityGroupIds": [attribute("EndpointSecurityGroup", "GroupId")],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                "Tags": tags("aurora-secretsmanager-endpoint"),
            },
        )
    }
