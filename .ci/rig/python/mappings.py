"""Drives the API of mappings with boto3: every operation and option, and every answer strictly by botocore's own model.

mappings.py ENDPOINT KEY SECRET STREAM CONSUMER QUEUE FUNCTION OTHER_FUNCTION

The server must have both functions, the stream with its consumer, and no mapping, and it must accept this key alone. Prints
one line of JSON with counts. Ends with 1 and what is wrong otherwise.
"""

import collections
import datetime
import json
import re
import sys
import threading
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from botocore.waiter import WaiterModel, create_waiter_with_client

ENDPOINT, KEY, SECRET, STREAM, CONSUMER, QUEUE, FUNCTION, OTHER = sys.argv[1:]
wrong = []


class Counts(collections.Counter):
    """A Counter for several threads."""

    lock = threading.Lock()

    def add(self, name):
        with self.lock:
            self[name] += 1


counts = Counts()


def check(truth, *what):
    counts.add("checks")
    if not truth:
        wrong.append(" ".join(str(w) for w in what))


# --- Answers, by the model ---

# Members of a mapping that every answer has. Source: recorded answers of AWS; docs/api.md lists them.
ALWAYS = {
    "UUID", "StartingPosition", "BatchSize", "MaximumBatchingWindowInSeconds", "ParallelizationFactor", "EventSourceArn",
    "FunctionArn", "LastModified", "LastProcessingResult", "State", "StateTransitionReason", "DestinationConfig",
    "MaximumRecordAgeInSeconds", "BisectBatchOnFunctionError", "MaximumRetryAttempts", "TumblingWindowInSeconds",
    "FunctionResponseTypes", "EventSourceMappingArn",
}
TYPES = {"string": str, "integer": int, "long": int, "boolean": bool, "timestamp": (int, float), "list": list, "map": dict, "structure": dict}


def strict(shape, value, path):
    """Checks a decoded JSON value against a shape: types, unknown and missing members, bounds, patterns, enumerations."""
    if value is None:
        return
    kind = shape.type_name
    ok = isinstance(value, TYPES[kind]) and not (isinstance(value, bool) and kind != "boolean")
    check(ok, path, repr(value), "is no", kind)
    if not ok:
        return
    if kind == "structure":
        names = {m.serialization.get("name", n): m for n, m in shape.members.items() if "location" not in m.serialization}
        for name, member in value.items():
            check(name in names, path, "has the unknown member", name)
            if name in names:
                strict(names[name], member, path + "." + name)
        for name in shape.required_members:
            check(value.get(name) is not None, path, "lacks", name)
        if shape.name == "EventSourceMappingConfiguration":
            check(ALWAYS <= value.keys(), path, "lacks", ALWAYS - value.keys())
    elif kind == "list":
        for i, item in enumerate(value):
            strict(shape.member, item, f"{path}[{i}]")
    elif kind == "map":
        for k, v in value.items():
            strict(shape.key, k, path + " key")
            strict(shape.value, v, f"{path}[{k}]")
    size = value if kind in ("integer", "long") else len(value) if kind in ("string", "list", "map") else None
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    check(size is None or low is None or size >= low, path, repr(value), "is below", low)
    check(size is None or high is None or size <= high, path, repr(value), "is above", high)
    if kind == "string":
        check("enum" not in shape.metadata or value in shape.metadata["enum"], path, repr(value), "is not in the enumeration")
        pattern = shape.metadata.get("pattern")
        if pattern and r"\p" not in pattern:
            check(re.fullmatch(pattern, value), path, repr(value), "does not match", pattern)


COMMON = {
    "ValidationException", "SerializationException", "RequestEntityTooLargeException", "MissingAuthenticationTokenException",
    "UnrecognizedClientException", "InvalidSignatureException", "IncompleteSignatureException", "UnknownOperationException",
}


def look(operation_model, response_dict, **_):
    """Is called by botocore with every answer before it is parsed."""
    name, status, headers = operation_model.name, response_dict["status_code"], response_dict["headers"]
    check(re.fullmatch(r"[0-9a-f-]{36}", headers.get("x-amzn-RequestId", "")), name, "has no request id")
    body = response_dict["body"]
    if status >= 300:
        code = headers.get("x-amzn-errortype", "")
        counts.add(name + " " + code)
        shape = {s.error_code: s for s in operation_model.error_shapes}.get(code)
        value = json.loads(body)
        if shape is None:
            check(code in COMMON, name, "has no error", code)
            check(set(value) <= {"message", "Type"} and isinstance(value.get("message"), str), name, code, "answers", value)
        else:
            check(status == shape.metadata["error"]["httpStatusCode"], name, code, "has the status", status)
            check(value.get("Type") in ("User", "Service"), name, code, "answers", value)
            strict(shape, value, name + " " + code)
        return
    counts.add(name)
    check(status == operation_model.http["responseCode"], name, "has the status", status)
    if operation_model.output_shape is None:
        check(body == b"", name, "answers", body)
        return
    check(headers.get("content-type") == "application/json", name, "answers", headers.get("content-type"))
    strict(operation_model.output_shape, json.loads(body), name)


def client(key=KEY, secret=SECRET, **config):
    c = boto3.client(
        "lambda", endpoint_url=ENDPOINT, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )
    c.meta.events.register("before-parse.lambda", look)
    return c


api = client()
loose = client(parameter_validation=False)
model = api.meta.service_model


def refused(exception, call, text="", **kwargs):
    """Checks that a call raises the modelled class of an exception, or a ClientError of a code that has no class."""
    try:
        call(**kwargs)
    except ClientError as e:
        code = e.response["Error"]["Code"]
        check(code == exception, call.__name__, kwargs, "raises", code, "and not", exception)
        modelled = getattr(api.exceptions, exception, None) if exception not in COMMON else ClientError
        check(modelled is not None and isinstance(e, modelled), call.__name__, exception, "has no class of its own")
        check(text in e.response["Error"]["Message"], call.__name__, code, "says", e.response["Error"]["Message"])
        check(e.response["Error"]["Message"] != "", call.__name__, code, "says nothing")
        return e.response
    check(False, call.__name__, kwargs, "is not refused with", exception)
    return {}


# --- Waiting: botocore has no waiter of its own for mappings, so its machinery gets three ---

WAITERS = WaiterModel({"version": 2, "waiters": {
    **{state: {
        "operation": "GetEventSourceMapping", "delay": 0.05, "maxAttempts": 400,
        "acceptors": [{"matcher": "path", "argument": "State", "expected": state, "state": "success"},
                      {"matcher": "error", "expected": "ResourceNotFoundException", "state": "failure"}],
    } for state in ("Enabled", "Disabled")},
    "Gone": {"operation": "GetEventSourceMapping", "delay": 0.05, "maxAttempts": 400,
             "acceptors": [{"matcher": "error", "expected": "ResourceNotFoundException", "state": "success"}]},
}})
for waiter in api.waiter_names:
    operation = api.get_waiter(waiter).config.operation
    check("EventSourceMapping" not in operation and "Tag" not in operation, "botocore has a waiter of ours now:", waiter)


def wait(state, mapping):
    create_waiter_with_client(state, WAITERS, api).wait(UUID=mapping)
    counts.add("waits")
    return None if state == "Gone" else api.get_event_source_mapping(UUID=mapping)


# --- Every option ---

FILTERS = {"Filters": [{"Pattern": '{"data":{"kind":["order"]}}'}, {"Pattern": '{"partitionKey":["<&>"]}'}]}
ON_FAILURE = {"OnFailure": {"Destination": QUEUE}}
METRICS = {"Metrics": ["EventCount"]}

# Values of each option of both operations, and what an answer says afterwards, if that is not the value.
OPTIONS = {
    "BatchSize": [1, 10000], "MaximumBatchingWindowInSeconds": [0, 300], "ParallelizationFactor": [1, 10],
    "MaximumRecordAgeInSeconds": [-1, 60, 604800], "MaximumRetryAttempts": [-1, 0, 10000], "TumblingWindowInSeconds": [900, 0],
    "BisectBatchOnFunctionError": [True, False], "FunctionResponseTypes": [["ReportBatchItemFailures"], []],
    "DestinationConfig": [ON_FAILURE, {"OnFailure": {}}], "FilterCriteria": [FILTERS, {}], "MetricsConfig": [METRICS, {}],
    "KMSKeyArn": [""],
}
# What cannot be together, or is not shown: a window rules out lanes and filters, removed members are absent.
COMPANIONS = {"TumblingWindowInSeconds": {"ParallelizationFactor": 1, "FilterCriteria": {}}, "MaximumBatchingWindowInSeconds": {}}
ABSENT = {"KMSKeyArn": "", "FilterCriteria": {}, "MetricsConfig": {}}
# Options of other sources: refused.
FOREIGN = {
    "ScalingConfig": {"MaximumConcurrency": 2}, "LoggingConfig": {"SystemLogLevel": "INFO"}, "ProvisionedPollerConfig": {"MinimumPollers": 1},
    "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x"}],
    "AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": "group"}, "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "group"},
    "DocumentDBEventSourceConfig": {"DatabaseName": "shop"}, "KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/x",
}
FOREIGN_AT_CREATE = {
    "Topics": ["orders"], "Queues": ["orders"],
    "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["127.0.0.1:9092"]}},
}
OWN = {
    "CreateEventSourceMapping": {"EventSourceArn", "FunctionName", "Enabled", "StartingPosition", "StartingPositionTimestamp", "Tags"},
    "UpdateEventSourceMapping": {"UUID", "FunctionName", "Enabled"},
    "ListEventSourceMappings": {"EventSourceArn", "FunctionName", "Marker", "MaxItems"},
    "GetEventSourceMapping": {"UUID"}, "DeleteEventSourceMapping": {"UUID"},
    "ListTags": {"Resource"}, "TagResource": {"Resource", "Tags"}, "UntagResource": {"Resource", "TagKeys"},
}


def every_option_is_known():
    for name, own in OWN.items():
        known = set(own)
        if name.startswith(("Create", "Update")):
            known |= OPTIONS.keys() | FOREIGN.keys()
        if name.startswith("Create"):
            known |= FOREIGN_AT_CREATE.keys()
        check(set(model.operation_model(name).input_shape.members) == known, name, "has other members than this program knows:",
              set(model.operation_model(name).input_shape.members) ^ known)


def shown(answer, option, value):
    if option in ABSENT and value == ABSENT[option]:
        check(option not in answer, option, "is shown although it is removed:", answer.get(option))
    else:
        check(answer.get(option) == value, option, "is", answer.get(option), "and not", value)
    counts.add("options")


def create(function, **more):
    arguments = {"EventSourceArn": STREAM, "FunctionName": function, "StartingPosition": "TRIM_HORIZON", "Enabled": False, **more}
    answer = api.create_event_source_mapping(**arguments)
    check(answer["State"] == "Creating", "a created mapping is", answer["State"])
    return answer


def remove(mapping):
    check(api.delete_event_source_mapping(UUID=mapping)["State"] == "Deleting", "a deleted mapping is not Deleting")
    wait("Gone", mapping)


def create_with_option(n, case):
    option, value = case
    answer = create(f"{FUNCTION}:v{n}", **{**COMPANIONS.get(option, {}), option: value})
    shown(answer, option, value)
    shown(wait("Disabled", answer["UUID"]), option, value)
    remove(answer["UUID"])


def create_with_every_option():
    defaults = create(FUNCTION)
    for option, value in {
        "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1, "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1, "TumblingWindowInSeconds": 0, "BisectBatchOnFunctionError": False, "FunctionResponseTypes": [],
        "DestinationConfig": {"OnFailure": {}}, "FilterCriteria": {}, "MetricsConfig": {}, "KMSKeyArn": "", "StartingPosition": "TRIM_HORIZON",
        "EventSourceArn": STREAM, "FunctionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTION}",
    }.items():
        shown(defaults, option, value)
    check(isinstance(defaults["LastModified"], datetime.datetime), "LastModified is no time")
    wait("Disabled", defaults["UUID"])
    remove(defaults["UUID"])
    with ThreadPoolExecutor(8) as pool:
        cases = [(option, value) for option, values in OPTIONS.items() for value in values]
        list(pool.map(create_with_option, range(len(cases)), cases))
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)  # botocore sends whole seconds
    answer = create(FUNCTION, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=when, Tags={"team": "orders", "empty": ""})
    shown(answer, "StartingPositionTimestamp", when)
    wait("Disabled", answer["UUID"])
    check(api.list_tags(Resource=answer["EventSourceMappingArn"])["Tags"] == {"team": "orders", "empty": ""}, "the tags are others")
    remove(answer["UUID"])
    for position in ("LATEST", "TRIM_HORIZON"):
        answer = create(FUNCTION, StartingPosition=position, EventSourceArn=CONSUMER, Enabled=True)
        shown(answer, "StartingPosition", position)
        shown(wait("Enabled", answer["UUID"]), "EventSourceArn", CONSUMER)
        remove(answer["UUID"])


def update_every_option():
    mapping = create(FUNCTION + ":updated")["UUID"]
    wait("Disabled", mapping)
    for option, values in OPTIONS.items():
        for value in values:
            answer = api.update_event_source_mapping(UUID=mapping, **{**COMPANIONS.get(option, {}), option: value})
            check(answer["State"] == "Updating", "an updated mapping is", answer["State"])
            shown(answer, option, value)
            shown(wait("Disabled", mapping), option, value)
    answer = api.update_event_source_mapping(UUID=mapping, FunctionName=OTHER + ":prod", Enabled=True)
    check(answer["State"] == "Enabling" and answer["FunctionArn"].endswith(OTHER + ":prod"), "enabling answers", answer)
    refused("ResourceInUseException", api.update_event_source_mapping, "in use", UUID=mapping, BatchSize=7)
    refused("ResourceInUseException", api.delete_event_source_mapping, "in use", UUID=mapping)
    wait("Enabled", mapping)
    check(api.update_event_source_mapping(UUID=mapping, Enabled=False)["State"] == "Disabling", "it is not Disabling")
    wait("Disabled", mapping)
    for option, value in FOREIGN.items():
        refused("InvalidParameterValueException", api.update_event_source_mapping, UUID=mapping, **{option: value})
    remove(mapping)
    refused("ResourceNotFoundException", api.get_event_source_mapping, UUID=mapping)
    refused("ResourceNotFoundException", api.update_event_source_mapping, UUID=mapping, BatchSize=1)
    refused("ResourceNotFoundException", api.delete_event_source_mapping, UUID=mapping)


def list_in_pages():
    made = {create(f"{f}:{alias}", EventSourceArn=source)["UUID"]
            for f, alias, source in ((FUNCTION, "a", STREAM), (FUNCTION, "b", STREAM), (OTHER, "a", STREAM), (OTHER, "a", CONSUMER))}
    pages = api.get_paginator("list_event_source_mappings")
    for size in (1, 3, 100):
        found = [list(p["EventSourceMappings"]) for p in pages.paginate(PaginationConfig={"PageSize": size})]
        check([len(p) for p in found][0] == min(size, 4), "a page of", size, "has", [len(p) for p in found])
        check(sorted(m["UUID"] for p in found for m in p) == sorted(made), "pages of", size, "list others")
    first = pages.paginate(PaginationConfig={"PageSize": 1, "MaxItems": 2}).build_full_result()
    rest = pages.paginate(PaginationConfig={"PageSize": 2, "StartingToken": first["NextToken"]}).build_full_result()
    check(sorted(m["UUID"] for p in (first, rest) for m in p["EventSourceMappings"]) == sorted(made), "a resumed listing is another")
    for arguments, n in (({"EventSourceArn": STREAM}, 3), ({"EventSourceArn": CONSUMER}, 1), ({"FunctionName": OTHER + ":a"}, 2),
                         ({"FunctionName": "nobody"}, 0), ({"EventSourceArn": STREAM, "FunctionName": FUNCTION + ":b"}, 1)):
        check(len(api.list_event_source_mappings(**arguments)["EventSourceMappings"]) == n, arguments, "does not list", n)
    refused("InvalidParameterValueException", api.list_event_source_mappings, Marker="nonsense")
    for mapping in made:
        wait("Disabled", mapping)
        remove(mapping)


def tags():
    made = create(FUNCTION + ":tagged", Tags={"a": "1"})
    arn, tagged = made["EventSourceMappingArn"], lambda: api.list_tags(Resource=made["EventSourceMappingArn"])["Tags"]
    wait("Disabled", made["UUID"])
    api.tag_resource(Resource=arn, Tags={"b c/é": "x=y+z@", "a": "2"})
    check(tagged() == {"a": "2", "b c/é": "x=y+z@"}, "the tags are", tagged())
    api.untag_resource(Resource=arn, TagKeys=["a", "nobody"])
    check(tagged() == {"b c/é": "x=y+z@"}, "the tags are", tagged())
    refused("InvalidParameterValueException", api.tag_resource, Resource=arn, Tags={})
    refused("InvalidParameterValueException", api.tag_resource, "exceeds", Resource=arn, Tags={f"k{n}": "" for n in range(50)})
    refused("InvalidParameterValueException", api.tag_resource, Resource=arn, Tags={"aws:x": ""})
    refused("ValidationException", api.tag_resource, Resource="arn:aws:lambda:nowhere", Tags={"a": "b"})
    refused("ValidationException", api.untag_resource, Resource=arn, TagKeys=[])
    refused("ValidationException", loose.list_tags, Resource="x")
    nobody = arn.replace(made["UUID"], str(uuid.uuid4()))
    for call, more in ((api.list_tags, {}), (api.tag_resource, {"Tags": {"a": "b"}}), (api.untag_resource, {"TagKeys": ["a"]})):
        refused("ResourceNotFoundException", call, Resource=nobody, **more)
    remove(made["UUID"])


def refusals():
    made = create(FUNCTION + ":taken")["UUID"]
    good = {"EventSourceArn": STREAM, "FunctionName": OTHER, "StartingPosition": "LATEST"}
    conflict = refused("ResourceConflictException", api.create_event_source_mapping, made, **{**good, "FunctionName": FUNCTION + ":taken"})
    check(conflict.get("Type") == "User", "a conflict's type is", conflict.get("Type"))
    for change in (
        {"FunctionName": "nobody"}, {"EventSourceArn": "arn:aws:sqs:us-east-1:123456789012:orders"}, {"EventSourceArn": STREAM + "-none"},
        {"StartingPosition": "AT_TIMESTAMP"}, {"StartingPositionTimestamp": 1}, {"MaximumRecordAgeInSeconds": 59},
        {"TumblingWindowInSeconds": 1, "FilterCriteria": FILTERS}, {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}},
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:events:us-east-1:123456789012:event-bus/default"}}},
        {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}, {"FilterCriteria": {"Filters": [{"Pattern": '{"data":["x"]}'}] * 6}},
        *({name: value} for name, value in {**FOREIGN, **FOREIGN_AT_CREATE}.items()),
    ):
        refused("InvalidParameterValueException", api.create_event_source_mapping, **{**good, **change})
    # botocore's own validators refuse these before they are sent; the server does when they are off.
    for change in ({"BatchSize": 0}, {"ParallelizationFactor": 0}, {"MaximumBatchingWindowInSeconds": -1}, {"FunctionName": ""}):
        try:
            api.create_event_source_mapping(**{**good, **change})
            check(False, change, "is not refused by botocore")
        except ParamValidationError:
            counts.add("refused by botocore")
        refused("ValidationException", loose.create_event_source_mapping, **{**good, **change})
    for change in ({"BatchSize": "many"}, {"Enabled": 1}, {"FunctionName": 7}, {"EventSourceArn": [STREAM]}):
        refused("SerializationException", loose.create_event_source_mapping, **{**good, **change})
    for change in ({"BatchSize": 10001}, {"StartingPosition": "MIDDLE"}, {"FunctionResponseTypes": ["x"]}, {"EventSourceArn": "orders"}):
        refused("ValidationException", api.create_event_source_mapping, **{**good, **change})
    for name in ("get", "update", "delete"):
        refused("ResourceNotFoundException", getattr(api, name + "_event_source_mapping"), UUID=str(uuid.uuid4()))
    refused("RequestEntityTooLargeException", loose.update_event_source_mapping, UUID=made, FunctionName="x" * 300_000)
    wait("Disabled", made)
    remove(made)


def signatures():
    for code, other in (
        ("InvalidSignatureException", client(secret="wrong")), ("UnrecognizedClientException", client(key="AKIDNOBODY")),
        ("MissingAuthenticationTokenException", client(signature_version=UNSIGNED)),
    ):
        answer = refused(code, other.list_event_source_mappings)
        check(answer["ResponseMetadata"]["HTTPStatusCode"] == 403, code, "has another status than 403")
    presigned = api.generate_presigned_url("list_event_source_mappings")
    try:
        urllib.request.urlopen(presigned)
        check(False, "a presigned request is served")
    except urllib.error.HTTPError as e:
        check(e.code == 403, "a presigned request is answered", e.code)
        e.close()
    counts.add("presigned")


every_option_is_known()
with ThreadPoolExecutor(5) as stories:
    for done in [stories.submit(s) for s in (create_with_every_option, update_every_option, tags, refusals, signatures)]:
        done.result()
list_in_pages()  # alone: it counts
for name in OWN:
    check(counts[name] > 0, name, "was never answered")
print(json.dumps(counts, sort_keys=True))
for w in dict.fromkeys(wrong):
    print(w, file=sys.stderr)
sys.exit(1 if wrong else 0)
