"""Lays out an account for one EKS cluster: python account.py CLUSTER VERSION

Uses AWS_ENDPOINT_URL, AWS_REGION and keys from the environment. Tags the default VPC's subnets and its
security group `karpenter.sh/discovery=CLUSTER`, names the subnets, makes another security group without that tag, the
roles KarpenterNodeRole-CLUSTER and EksClusterRole-CLUSTER and the EKS cluster, and prints what it made as JSON.
"""

import json
import os
import sys

import boto3


def trust(service):
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
    )


def main(cluster, version):
    region = os.environ["AWS_REGION"]
    ec2 = boto3.client("ec2", region_name=region)
    iam = boto3.client("iam", region_name=region)
    eks = boto3.client("eks", region_name=region)

    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    own = [{"Name": "vpc-id", "Values": [vpc]}]
    subnets = ec2.describe_subnets(Filters=own)["Subnets"]
    groups = ec2.describe_security_groups(Filters=own)["SecurityGroups"]
    ec2.create_tags(
        Resources=[subnet["SubnetId"] for subnet in subnets] + [group["GroupId"] for group in groups],
        Tags=[{"Key": "karpenter.sh/discovery", "Value": cluster}],
    )

    for subnet in subnets:
        name = f'private-{subnet["AvailabilityZone"][-1]}'
        ec2.create_tags(Resources=[subnet["SubnetId"]], Tags=[{"Key": "Name", "Value": name}])
    extra = ec2.create_security_group(GroupName="extra", Description="extra", VpcId=vpc)["GroupId"]

    node_role = f"KarpenterNodeRole-{cluster}"
    iam.create_role(RoleName=node_role, AssumeRolePolicyDocument=trust("ec2.amazonaws.com"))
    control = iam.create_role(
        RoleName=f"EksClusterRole-{cluster}", AssumeRolePolicyDocument=trust("eks.amazonaws.com")
    )["Role"]["Arn"]
    eks.create_cluster(
        name=cluster,
        version=version,
        roleArn=control,
        resourcesVpcConfig={
            "subnetIds": [subnet["SubnetId"] for subnet in subnets],
            "securityGroupIds": [group["GroupId"] for group in groups],
        },
        kubernetesNetworkConfig={"serviceIpv4Cidr": "10.0.0.0/24"},
    )
    print(
        json.dumps(
            {
                "cluster": cluster,
                "nodeRole": node_role,
                "vpc": vpc,
                "subnets": [
                    {
                        "id": subnet["SubnetId"],
                        "zone": subnet["AvailabilityZone"],
                        "zoneId": subnet["AvailabilityZoneId"],
                    }
                    for subnet in subnets
                ],
                "securityGroups": [group["GroupId"] for group in groups],
                "extraSecurityGroup": extra,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
