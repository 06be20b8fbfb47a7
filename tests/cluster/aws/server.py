"""An EC2, SSM, EKS, IAM and Pricing API on loopback: moto, and what moto lacks for Karpenter.

usage: python server.py -H 127.0.0.1 -p PORT        (moto_server's own options)

Data, from JSON files that fixture.py makes, named by environment variables:
  KARP_SSM         {"*" or REGION: {name: value}}           public SSM parameters
  KARP_SPOT        {REGION: {TYPE: {ZONE: "0.0350"}}}       spot prices, USD per hour
  KARP_PRICES      {REGION: {TYPE: 0.096}}                  on-demand prices, USD per hour
  MOTO_AMIS_PATH   moto's own list of images

Control while it runs (PUT, JSON body):
  /karp-api/ssm    {REGION: {name: value}}                  moves public parameters (an AMI release)
  /karp-api/eks    {"region", "cluster", "version"}         moves a control plane to another version
  /karp-api/fail   {"Action": [...], "code", "status", "times"}   EC2 refuses the next calls
  /karp-api/calls  any body                                 answers {ACTION: count} of EC2 calls so far
"""

import io
import json
import os
import re
import sys
from collections import Counter
from urllib.parse import parse_qs

import moto.server
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.responses.spot_instances import SpotInstances
from moto.ssm import models as ssm

ACCOUNT = "123456789012"
CLUSTER_VERSIONS = ("1.37", "1.36", "1.35", "1.34", "1.33", "1.32")


def load(variable):
    """The JSON file that an environment variable names, or nothing."""
    path = os.environ.get(variable)
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


SSM, SPOT, PRICES = load("KARP_SSM"), load("KARP_SPOT"), load("KARP_PRICES")


# --- SSM: moto refuses to write below /aws, so its loader of public parameters gets ours too


def parameter(name, value, version):
    return ssm.Parameter(
        account_id=ACCOUNT,
        name=name,
        value=value,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=utcnow(),
        version=version,
        data_type="text",
    )


load_public = ssm.ParameterDict._check_loading_status


def load_public_and_ours(self, key):
    load_public(self, key)
    if getattr(self, "_karp_loaded", False):
        return
    self._karp_loaded = True
    for name, value in {**SSM.get("*", {}), **SSM.get(self.region_name, {})}.items():
        dict.setdefault(self, name, []).append(parameter(name, value, 1))


ssm.ParameterDict._check_loading_status = load_public_and_ours


def move_parameters(regions):
    for region, values in regions.items():
        store = ssm.ssm_backends[ACCOUNT][region]._parameters
        for name, value in values.items():
            version = store[name][-1].version + 1 if name in store else 1
            dict.__setitem__(store, name, [parameter(name, value, version)])


# --- spot prices: moto answers one dummy price with a date of 2006


describe_spot = SpotInstances.describe_spot_price_history


def describe_spot_price_history(self):
    now = utcnow().strftime("%Y-%m-%dT%H:%M:%S.000Z")
    prices = SPOT.get(self.region, {})
    rows = []
    for row in describe_spot(self).result["SpotPriceHistory"]:
        price = prices.get(row["InstanceType"], {}).get(row["AvailabilityZone"])
        if price:
            rows.append({**row, "SpotPrice": price, "Timestamp": now, "ProductDescription": "Linux/UNIX"})
    return ActionResult({"SpotPriceHistory": rows})


SpotInstances.describe_spot_price_history = describe_spot_price_history


# --- calls that moto has no code for


class Layer:
    """Stands in front of moto: answers what moto cannot, refuses what a test wants refused."""

    def __init__(self, inner):
        self.inner = inner
        self.refusals = []
        self.calls = Counter()

    def __call__(self, environ, start):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        service = scope.group(2) if scope else ""
        path = environ["PATH_INFO"]
        if path.startswith("/karp-api/"):
            return answer(start, self.control(path, json.loads(body or b"{}")))
        if service == "ec2":
            action = parse_qs(body.decode("latin-1")).get("Action", [""])[0]
            self.calls[action] += 1
            refusal = self.refusal(action)
            if refusal:
                return refuse(start, refusal)
            if action == "DescribeCapacityReservations":
                return answer_xml(start, action, "<capacityReservationSet/>")
            if action == "DescribePlacementGroups":
                return answer_xml(start, action, "<placementGroupSet/>")
        if service == "pricing" and environ.get("HTTP_X_AMZ_TARGET", "").endswith(".GetProducts"):
            return answer(start, products(json.loads(body)), "application/x-amz-json-1.1")
        if service == "eks" and path == "/cluster-versions":
            versions = [
                {"clusterVersion": version, "status": "STANDARD_SUPPORT", "defaultVersion": version == "1.36"}
                for version in CLUSTER_VERSIONS
            ]
            return answer(start, {"clusterVersions": versions})
        return self.inner(environ, start)

    def control(self, path, body):
        if path == "/karp-api/ssm":
            move_parameters(body)
        elif path == "/karp-api/eks":
            from moto.eks.models import eks_backends

            eks_backends[ACCOUNT][body["region"]].clusters[body["cluster"]].version = body["version"]
        elif path == "/karp-api/fail":
            self.refusals.append({"times": 1, "status": 400, **body})
        elif path == "/karp-api/calls":
            return dict(self.calls)
        else:
            return {"error": "unknown control path"}
        return {"ok": True}

    def refusal(self, action):
        for refusal in self.refusals:
            if action in refusal["Action"] and refusal["times"] > 0:
                refusal["times"] -= 1
                return refusal
        return None


def products(request):
    """Pricing's GetProducts, for on-demand Linux prices by region and, if asked for, by type."""
    wanted = {entry["Field"]: entry["Value"] for entry in request.get("Filters", [])}
    region = wanted.get("regionCode")
    return {
        "FormatVersion": "aws_v1",
        "PriceList": [
            json.dumps(
                {
                    "product": {"attributes": {"instanceType": kind, "regionCode": region}},
                    "terms": {
                        "OnDemand": {
                            "x": {"priceDimensions": {"y": {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}}}}
                        }
                    },
                }
            )
            for kind, price in PRICES.get(region, {}).items()
            if wanted.get("instanceType", kind) == kind
        ],
    }


def answer(start, value, content_type="application/json"):
    return send(start, "200 OK", content_type, json.dumps(value).encode())


def answer_xml(start, action, inner):
    text = (
        f'<{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>test</requestId>{inner}</{action}Response>"
    )
    return send(start, "200 OK", "text/xml", text.encode())


def refuse(start, refusal):
    text = (
        '<?xml version="1.0"?><Response><Errors><Error>'
        f'<Code>{refusal["code"]}</Code><Message>refused by the test</Message>'
        "</Error></Errors><RequestID>test</RequestID></Response>"
    )
    return send(start, f'{refusal["status"]} Refused', "text/xml", text.encode())


def send(start, status, content_type, body):
    start(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    dispatcher = moto.server.DomainDispatcherApplication
    moto.server.DomainDispatcherApplication = lambda factory: Layer(dispatcher(factory))
    moto.server.main(sys.argv[1:])
