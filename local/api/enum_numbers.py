"""The numbers of enum values, which discovery documents don't contain.

A client that asks for enum-encoding=int sends numbers. In most enums a value's number is its index
in the document's list. Enums with gaps are listed here, by the proto definitions in Google's
clients; a test compares all enums of request bodies with those.
"""

from typing import Any

# By "schema.field". Values not listed can only be sent by name.
_SPELLED_OUT: dict[str, dict[int, str]] = {
    "AutotuningConfig.scenarios": {
        0: "SCENARIO_UNSPECIFIED",
        2: "SCALING",
        3: "BROADCAST_HASH_JOIN",
        4: "MEMORY",
        5: "NONE",
        6: "AUTO",
    },
    "SoftwareConfig.optionalComponents": {
        0: "COMPONENT_UNSPECIFIED",
        1: "JUPYTER",
        3: "HIVE_WEBHCAT",
        4: "ZEPPELIN",
        5: "ANACONDA",
        6: "PRESTO",
        8: "ZOOKEEPER",
        9: "DRUID",
        10: "SOLR",
        11: "HBASE",
        12: "RANGER",
        13: "DOCKER",
        14: "FLINK",
        17: "TRINO",
        18: "HUDI",
        19: "ICEBERG",
        20: "DELTA",
        21: "PIG",
        22: "JUPYTER_KERNEL_GATEWAY",
    },
}


def number_enums(schemas: dict[str, Any]) -> None:
    """Add "enumNumbers" ({number: name}) to every enum that a request can contain, in place."""
    for schema_name, schema in schemas.items():
        for field_name, field in schema.get("properties", {}).items():
            holder = field.get("items", field)
            # Output-only enums are not part of requests.
            if "enum" in holder and not field.get("readOnly"):
                by_index = dict(enumerate(holder["enum"]))
                spelled_out = _SPELLED_OUT.get(f"{schema_name}.{field_name}")
                holder["enumNumbers"] = spelled_out or by_index
