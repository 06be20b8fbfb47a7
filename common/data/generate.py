#!/usr/bin/env python3
"""Writes catalog.json.zst, the EC2 data that is embedded in the programs. See README.md beside this file.

Needs Python 3.11, pip and zstd. `just catalog` runs it. The result depends on nothing but its inputs.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile

MOTO = "5.2.5"
MOTO_DATE = "2026-10-27"
HERE = pathlib.Path(__file__).resolve().parent
TYPES = "moto/ec2/resources/instance_types.json.gz"
OFFERINGS = "moto/ec2/resources/instance_type_offerings/availability-zone-id/"

# The fields of a DescribeInstanceTypes entry that the programs read; a list means: of each element.
FIELDS = {
    "InstanceType": None,
    "SupportedUsageClasses": None,
    "SupportedVirtualizationTypes": None,
    "Hypervisor": None,
    "NitroEnclavesSupport": None,
    "ProcessorInfo": {
        "Manufacturer": None,
        "SupportedArchitectures": None,
        "SustainedClockSpeedInGhz": None,
        "SupportedFeatures": None,
    },
    "VCpuInfo": {"DefaultVCpus": None},
    "MemoryInfo": {"SizeInMiB": None},
    "InstanceStorageInfo": {"TotalSizeInGB": None, "NvmeSupport": None},
    "EbsInfo": {"EbsOptimizedSupport": None, "EbsOptimizedInfo": {"MaximumBandwidthInMbps": None}},
    "NetworkInfo": {
        "DefaultNetworkCardIndex": None,
        "Ipv4AddressesPerInterface": None,
        "MaximumNetworkCards": None,
        "NetworkCards": [{"NetworkCardIndex": None, "MaximumNetworkInterfaces": None}],
        "EnaSupport": None,
        "EncryptionInTransitSupported": None,
        "EfaInfo": {"MaximumEfaInterfaces": None},
    },
    "GpuInfo": {
        "Gpus": [{"Name": None, "Manufacturer": None, "Count": None, "MemoryInfo": {"SizeInMiB": None}}]
    },
    "NeuronInfo": {"NeuronDevices": [{"Name": None, "Count": None, "CoreInfo": {"Count": None}}]},
    "InferenceAcceleratorInfo": {"Accelerators": [{"Name": None, "Manufacturer": None, "Count": None}]},
    "PlacementGroupInfo": {"SupportedStrategies": None},
}


def trim(value, fields):
    """Keeps the named fields of a value, leaving out what is empty."""
    if fields is None:
        return value
    if isinstance(fields, list):
        return [trim(element, fields[0]) for element in value]
    kept = {key: trim(value[key], inner) for key, inner in fields.items() if key in value}
    return {key: inner for key, inner in kept.items() if inner not in (None, "", [], {})}


def table(name):
    """One of the tables kept beside this file: (its provenance, its rows)."""
    packed = HERE / "sources" / f"{name}.json.zst"
    text = subprocess.run(["zstd", "-dcq", packed], check=True, capture_output=True).stdout
    content = json.loads(text)
    (rows,) = [rows for key, rows in content.items() if key != "_meta"]
    return content["_meta"], rows


def wheel(given):
    """The wheel of moto: the one given, else the one PyPI has."""
    if given:
        return pathlib.Path(given)
    folder = tempfile.mkdtemp(prefix="karp-catalog-")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, f"moto=={MOTO}"],
        check=True,
    )
    (found,) = pathlib.Path(folder).glob("*.whl")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheel", help=f"moto {MOTO} as a file instead of downloading it")
    arguments = parser.parse_args()

    with zipfile.ZipFile(wheel(arguments.wheel)) as archive:
        read = lambda path: json.loads(gzip.decompress(archive.read(path)))
        raw = read(TYPES)
        regions = {
            path.removeprefix(OFFERINGS).removesuffix(".json.gz"): read(path)
            for path in sorted(archive.namelist())
            if path.startswith(OFFERINGS) and path.endswith(".json.gz")
        }

    names = sorted(raw)
    position = {name: at for at, name in enumerate(names)}
    offerings = {}
    for region, rows in regions.items():
        zones = sorted({row["Location"] for row in rows})
        masks = [0] * len(names)
        for row in rows:
            if row["InstanceType"] not in position:
                sys.exit(f"{region}: {row['InstanceType']} is offered but has no data")
            masks[position[row["InstanceType"]]] |= 1 << zones.index(row["Location"])
        offerings[region] = {"zones": zones, "offered": masks}

    price_meta, prices = table("prices")
    limit_meta, limits = table("vpc-limits")
    bandwidth_meta, bandwidth = table("bandwidth")
    columns = {}
    for name in sorted(prices):
        for region, price in prices[name].items():
            columns.setdefault(region, {})[name] = price

    source = lambda kind, source, version, date: {
        "table": kind, "source": source, "version": version, "date": date, "licence": "Apache-2.0",
    }
    provider = "aws/karpenter-provider-aws"
    moto = "moto, ec2/resources"
    tables = {
        "sources": [
            source("instance types", moto, MOTO, MOTO_DATE),
            source("offerings", moto, MOTO, MOTO_DATE),
            source("VPC limits", provider, "1.15.1", "2026-08-06"),
            source("network bandwidth", provider, "1.15.1", "2026-08-18"),
        ],
        "priceSource": source("on-demand prices", provider, "1.15.1", ""),
        "priceDates": price_meta["generated"],
        "prices": columns,
        "vpcLimits": {
            name: [int(row["trunk"]), row["branch"], row["ip4"]] for name, row in sorted(limits.items())
        },
        "networkMbps": dict(sorted(bandwidth.items())),
    }
    types = [trim(raw[name], FIELDS) for name in names]
    catalog = {"tables": tables, "types": types, "regions": offerings}
    text = json.dumps(catalog, separators=(",", ":"), ensure_ascii=True).encode()
    target = HERE / "catalog.json.zst"
    subprocess.run(["zstd", "-q", "-f", "--ultra", "-22", "-o", target], input=text, check=True)

    fallback = columns["us-east-1"]
    priced = sum(name in fallback for name in names)
    print(f"{len(names)} types, {len(offerings)} regions, {len(text)} bytes, {target.stat().st_size} packed")
    print(f"us-east-1 prices: {len(fallback)}; with data and price {priced}; "
          f"priced without data {sum(name not in position for name in fallback)}; "
          f"data without price {len(names) - priced}")
    print(f"VPC limits {limit_meta['count']}, bandwidth {bandwidth_meta['count']}")


if __name__ == "__main__":
    main()
