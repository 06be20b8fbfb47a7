"""Makes the data of server.py: python fixture.py OUTDIR [PRICES.json]

PRICES.json has {"prices": {TYPE: {REGION: USD per hour}}}; its us-east-1 column is used, as the
controller itself falls back to it. Without it, prices are invented from CPUs and memory. Spot prices
are always invented (25-54 % of on-demand), and stable. Images are EKS AL2023 for three Kubernetes
versions with two release dates each; `recommended` is the newer one. Types and offerings are moto's.
"""

import gzip
import json
import os
import sys

import moto

REGION = "us-west-2"
VERSIONS = ("1.35", "1.36", "1.37")
DATES = ("v20260901", "v20261101")
VARIANTS = (("x86_64", ("standard", "nvidia", "neuron")), ("arm64", ("standard", "nvidia")))


def resource(path):
    with gzip.open(os.path.join(os.path.dirname(moto.__file__), "ec2", "resources", path)) as file:
        return json.load(file)


def on_demand(source):
    if source:
        with open(source, encoding="utf-8") as file:
            prices = json.load(file)["prices"]
        return {kind: columns["us-east-1"] for kind, columns in prices.items() if "us-east-1" in columns}
    types = resource("instance_types.json.gz")
    return {
        kind: round(0.03 * facts["VCpuInfo"]["DefaultVCpus"] + 0.004 * facts["MemoryInfo"]["SizeInMiB"] / 1024, 4)
        for kind, facts in types.items()
    }


def spot(prices):
    rows = {}
    for offering in resource(f"instance_type_offerings/availability-zone/{REGION}.json.gz"):
        kind, zone = offering["InstanceType"], offering["Location"]
        if kind in prices:
            share = 0.25 + sum(map(ord, kind + zone)) % 30 / 100
            rows.setdefault(kind, {})[zone] = f"{prices[kind] * share:.4f}"
    return rows


def images():
    amis, parameters = [], {}
    for version in VERSIONS:
        for architecture, variants in VARIANTS:
            for variant in variants:
                for date in DATES:
                    image = f"ami-{len(amis) + 1:017x}"
                    name = f"amazon-eks-node-al2023-{architecture}-{variant}-{version}-{date}"
                    amis.append(
                        {
                            "ami_id": image,
                            "name": name,
                            "description": "EKS AL2023",
                            "owner_id": "602401143452",
                            "architecture": architecture,
                            "creation_date": f"{date[1:5]}-{date[5:7]}-{date[7:]}T00:00:00.000Z",
                            "state": "available",
                            "public": True,
                            "tags": {},
                            "root_device_name": "/dev/xvda",
                            "root_device_type": "ebs",
                            "virtualization_type": "hvm",
                            "hypervisor": "xen",
                        }
                    )
                    path = f"/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{architecture}/{variant}"
                    parameters[f"{path}/{name}/image_id"] = image
                    parameters[f"{path}/recommended/image_id"] = image
    return amis, parameters


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        json.dump(value, file)


def main(folder, source=None):
    os.makedirs(folder, exist_ok=True)
    prices = on_demand(source)
    amis, parameters = images()
    write(folder, "prices.json", {REGION: prices})
    write(folder, "spot.json", {REGION: spot(prices)})
    write(folder, "amis.json", amis)
    write(folder, "ssm.json", {"*": parameters})


if __name__ == "__main__":
    main(*sys.argv[1:])
