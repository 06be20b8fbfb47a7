"""Launches instances as Karpenter would have: python instances.py CLUSTER COUNT

Uses AWS_ENDPOINT_URL, AWS_REGION and keys from the environment. COUNT instances of the newer AL2023 image (x86_64,
Kubernetes 1.36) in the first subnet of the cluster, with its security group, a tag and a disk; then one each that
differs: another image, another security group, another subnet. Prints them and what they are made of as JSON.
"""

import json
import os
import sys

import boto3

PARAMETER = "/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard"


def main(cluster, count):
    region = os.environ["AWS_REGION"]
    ec2 = boto3.client("ec2", region_name=region)
    ssm = boto3.client("ssm", region_name=region)
    own = [{"Name": "tag:karpenter.sh/discovery", "Values": [cluster]}]
    subnet = sorted(ec2.describe_subnets(Filters=own)["Subnets"], key=lambda one: one["AvailabilityZone"])[0]
    group = ec2.describe_security_groups(Filters=own)["SecurityGroups"][0]["GroupId"]
    vpc = subnet["VpcId"]
    other_group = ec2.create_security_group(GroupName="legacy", Description="legacy", VpcId=vpc)["GroupId"]
    other_subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock="172.31.128.0/24", AvailabilityZone=subnet["AvailabilityZone"]
    )["Subnet"]["SubnetId"]
    ec2.create_tags(Resources=[other_subnet], Tags=[{"Key": "Name", "Value": "retired-a"}])

    def image(part):
        name = f"{PARAMETER}/{part}/image_id"
        return ssm.get_parameter(Name=name)["Parameter"]["Value"]

    new, old = image("recommended"), image("amazon-eks-node-al2023-x86_64-standard-1.36-v20260901")

    def launch(count, ami=new, place=subnet["SubnetId"], groups=(group,)):
        launched = ec2.run_instances(
            ImageId=ami,
            InstanceType="m6i.large",
            MinCount=count,
            MaxCount=count,
            SubnetId=place,
            SecurityGroupIds=list(groups),
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "shop"}]}],
        )["Instances"]
        return [one["InstanceId"] for one in launched]

    print(
        json.dumps(
            {
                "zone": subnet["AvailabilityZone"],
                "zoneId": subnet["AvailabilityZoneId"],
                "subnet": subnet["SubnetId"],
                "otherSubnet": other_subnet,
                "securityGroup": group,
                "otherSecurityGroup": other_group,
                "image": new,
                "otherImage": old,
                "same": launch(int(count)),
                "imageDiffers": launch(1, ami=old)[0],
                "groupDiffers": launch(1, groups=(other_group,))[0],
                "subnetDiffers": launch(1, place=other_subnet)[0],
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
