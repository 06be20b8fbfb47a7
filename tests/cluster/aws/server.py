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
  /karp-api/fail   {"Action": [...], "code", "status", "times"}   refuses the next calls (EC2, SSM, STS, Pricing);
                   {} forgets what was to be refused
  /karp-api/page   {"size": 100}                            EC2's lists come in pages of at most so many; 0 = whole
  /karp-api/instances  [instance, ...]                      what DescribeInstances answers for these ids, in the
                   form of AWS's Go SDK (as the AWS provider's KWOK main keeps them in ConfigMaps)
  /karp-api/policies   {KEY: policy}                        calls signed with such a key are checked, as moto reads
                   policies; moto's own enforcement takes no signature of the Rust SDK for bodies with spaces
  /karp-api/calls  any body                                 answers {ACTION: count} of calls so far
"""

import io
import json
import os
import re
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from urllib.parse import parse_qs, parse_qsl, urlencode
from xml.sax.saxutils import escape

import moto.server
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.responses.spot_instances import SpotInstances
from moto.iam.access_control import IAMPolicy, PermissionResult
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
        self.page_size = 0
        self.instances = {}
        self.policies = {}

    def __call__(self, environ, start):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        service = scope.group(2) if scope else ""
        path = environ["PATH_INFO"]
        if path.startswith("/karp-api/"):
            return answer(start, self.control(path, json.loads(body or b"{}")))
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        fields = parse_qs(body.decode("latin-1")) if service in ("ec2", "sts") else {}
        action = fields.get("Action", [target.rpartition(".")[2]])[0]
        if action:
            self.calls[action] += 1
            refusal = self.refusal(action)
            if refusal:
                return refuse(start, refusal, service)
            if self.is_denied(environ, service, action, body):
                code = "AccessDeniedException" if service in ("ssm", "pricing") else "UnauthorizedOperation"
                return refuse(start, {"code": code, "status": 400 if service in ("ssm", "pricing") else 403}, service)
        if service == "ec2":
            if action == "DescribeCapacityReservations":
                return answer_xml(start, action, "<capacityReservationSet/>")
            if action == "DescribePlacementGroups":
                return answer_xml(start, action, "<placementGroupSet/>")
            known = [self.instances[one] for one in filter_values(fields, "instance-id") if one in self.instances]
            if action == "DescribeInstances" and known:
                items = "".join(map(instance_xml, known))
                return answer_xml(start, action, f"<reservationSet>{items}</reservationSet>")
            if self.page_size and action.startswith("Describe"):
                return self.page(environ, start, body)
        if service == "pricing" and target.endswith(".GetProducts"):
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
            self.refusals = [*self.refusals, {"times": 1, "status": 400, **body}] if body else []
        elif path == "/karp-api/page":
            self.page_size = body["size"]
        elif path == "/karp-api/policies":
            self.policies = {key: IAMPolicy(json.dumps(policy)) for key, policy in body.items()}
        elif path == "/karp-api/instances":
            self.instances = {one["InstanceId"]: one for one in body}
        elif path == "/karp-api/calls":
            return dict(self.calls)
        else:
            return {"error": "unknown control path"}
        return {"ok": True}

    def is_denied(self, environ, service, action, body):
        key = re.search(r"Credential=([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        policy = self.policies.get(key.group(1)) if key else None
        # Anybody may ask who they are.
        if policy is None or action == "GetCallerIdentity":
            return False
        resources = ["*"]
        if service == "ssm":
            # Public parameters belong to no account.
            resources = [f"arn:aws:ssm:us-west-2::parameter{name}" for name in json.loads(body)["Names"]]
        called = f"{service}:{action}"
        return any(policy.is_action_permitted(called, one) is not PermissionResult.PERMITTED for one in resources)

    def page(self, environ, start, body):
        """One page of what moto answers in one piece; tokens are ours."""
        fields = dict(parse_qsl(body.decode("latin-1")))
        first = int(fields.pop("NextToken", "karp-0").removeprefix("karp-"))
        fields.pop("MaxResults", None)
        whole = urlencode(fields).encode()
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(whole), str(len(whole))
        said = {}
        parts = self.inner(environ, lambda status, headers, _=None: said.update(status=status, headers=headers))
        text = b"".join(parts)
        if not said["status"].startswith("200"):
            start(said["status"], said["headers"])
            return [text]
        root = xml.fromstring(text)
        space = root.tag.partition("}")[0].lstrip("{")
        xml.register_namespace("", space)
        lists = [child for child in root if len(child) and child[0].tag.endswith("}item")]
        for items in lists[:1]:
            total = len(items)
            for item in list(items)[first + self.page_size :] + list(items)[:first]:
                items.remove(item)
            if first + self.page_size < total:
                token = xml.SubElement(root, f"{{{space}}}nextToken")
                token.text = f"karp-{first + self.page_size}"
        return send(start, "200 OK", "text/xml", xml.tostring(root))

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


def refuse(start, refusal, service):
    status, code = f'{refusal["status"]} Refused', refusal["code"]
    if service in ("ssm", "pricing"):
        body = {"__type": code, "message": "refused by the test"}
        return send(start, status, "application/x-amz-json-1.1", json.dumps(body).encode())
    error = f"<Error><Code>{code}</Code><Message>refused by the test</Message></Error>"
    if service == "sts":
        space = "https://sts.amazonaws.com/doc/2011-06-15/"
        text = f'<ErrorResponse xmlns="{space}">{error}<RequestId>test</RequestId></ErrorResponse>'
    else:
        text = f"<Response><Errors>{error}</Errors><RequestID>test</RequestID></Response>"
    return send(start, status, "text/xml", text.encode())


def filter_values(fields, name):
    """Values of one filter of an EC2 request."""
    for key, values in fields.items():
        if key.startswith("Filter.") and key.endswith(".Name") and values == [name]:
            prefix = key.removesuffix("Name") + "Value."
            return [values[0] for key, values in fields.items() if key.startswith(prefix)]
    return []


def instance_xml(one):
    """An instance as EC2 writes it, from the Go SDK's JSON."""
    placement, state = one.get("Placement") or {}, one.get("State") or {}
    groups = "".join(
        f'<item><groupId>{escape(group.get("GroupId") or "")}</groupId></item>'
        for group in one.get("SecurityGroups") or []
    )
    tags = "".join(
        f'<item><key>{escape(tag["Key"])}</key><value>{escape(tag.get("Value") or "")}</value></item>'
        for tag in one.get("Tags") or []
    )
    return (
        "<item><reservationId>r-0</reservationId><instancesSet><item>"
        f'<instanceId>{escape(one["InstanceId"])}</instanceId>'
        f'<imageId>{escape(one.get("ImageId") or "")}</imageId>'
        f'<instanceType>{escape(one.get("InstanceType") or "")}</instanceType>'
        f'<instanceState><code>16</code><name>{escape(state.get("Name") or "running")}</name></instanceState>'
        f'<placement><availabilityZone>{escape(placement.get("AvailabilityZone") or "")}</availabilityZone></placement>'
        f'<subnetId>{escape(one.get("SubnetId") or "")}</subnetId>'
        f"<groupSet>{groups}</groupSet><tagSet>{tags}</tagSet>"
        "</item></instancesSet></item>"
    )


def send(start, status, content_type, body):
    start(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]


if __name__ == "__main__":
    dispatcher = moto.server.DomainDispatcherApplication
    moto.server.DomainDispatcherApplication = lambda factory: Layer(dispatcher(factory))
    moto.server.main(sys.argv[1:])
