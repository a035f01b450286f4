"""A stand-in for Terraform's Google provider: serves its schema by the plugin protocol, no more.

Terraform checks a configuration against the schema; in a test, values come from mock_provider.
Run by the interpreter of the tools' environment, which has nothing of the project's:

    python -m tools.terraform.provider SCHEMA.json

Prints one line, the value of TF_REATTACH_PROVIDERS, when it serves; ends with its standard input.
The protocol is tfplugin6 (hashicorp/terraform, docs/plugin-protocol).
"""

from __future__ import annotations

import json
import os
import sys
from concurrent import futures
from typing import Any

import grpc  # type: ignore[import-untyped] # shipped without types
import msgpack
from tf.gen import (
    grpc_controller_pb2,
    grpc_controller_pb2_grpc,
    grpc_stdio_pb2_grpc,
    tfplugin_pb2,
    tfplugin_pb2_grpc,
)

from tools.terraform.values import Path, wrong_values

SOURCE = "hashicorp/google"
_NESTING = {"single": 1, "list": 2, "set": 3, "map": 4}
_MESSAGE_BYTES = 64 << 20


def schema_message(block: dict[str, Any]) -> Any:
    """The message for one resource, data source or provider."""
    return tfplugin_pb2.Schema(version=0, block=_block(block))


def _block(block: dict[str, Any]) -> Any:
    attributes = [
        tfplugin_pb2.Schema.Attribute(
            name=name,
            type=json.dumps(attribute["type"]).encode(),
            required=attribute.get("required", False),
            optional=attribute.get("optional", False),
            computed=attribute.get("computed", False),
        )
        for name, attribute in block["attributes"].items()
    ]
    blocks = [
        tfplugin_pb2.Schema.NestedBlock(
            type_name=name,
            block=_block(nested["block"]),
            nesting=_NESTING[nested["nesting_mode"]],
            min_items=nested["min_items"],
            max_items=nested["max_items"],
        )
        for name, nested in block["block_types"].items()
    ]
    return tfplugin_pb2.Schema.Block(attributes=attributes, block_types=blocks)


class StandIn(tfplugin_pb2_grpc.ProviderServicer):  # type: ignore[misc] # the package has no types
    """Knows the schema; accepts every value that fits it; makes and reads nothing."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._blocks = schema
        self._schema = tfplugin_pb2.GetProviderSchema.Response(
            provider=schema_message(schema["provider"]["google"]),
            resource_schemas={n: schema_message(b) for n, b in schema["resource"].items()},
            data_source_schemas={n: schema_message(b) for n, b in schema["data"].items()},
            server_capabilities=tfplugin_pb2.ServerCapabilities(
                plan_destroy=True, get_provider_schema_optional=True
            ),
        )

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        return self._schema

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        return tfplugin_pb2.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        wrong = self._wrong("resource", request)
        return tfplugin_pb2.ValidateResourceConfig.Response(diagnostics=wrong)

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        wrong = self._wrong("data", request)
        return tfplugin_pb2.ValidateDataResourceConfig.Response(diagnostics=wrong)

    def _wrong(self, kind: str, request: Any) -> list[Any]:
        block = self._blocks[kind][request.type_name]
        config = msgpack.unpackb(request.config.msgpack)
        return [_error("Invalid value", w.text, w.path) for w in wrong_values(block, config)]

    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        """Terraform asks for this only to plan or apply without a mock."""
        problem = _error(
            "There is no Google here",
            'Only its schema is: begin the test file with mock_provider "google" {}.',
        )
        return tfplugin_pb2.ConfigureProvider.Response(diagnostics=[problem])

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        state = tfplugin_pb2.DynamicValue(json=request.raw_state.json)
        return tfplugin_pb2.UpgradeResourceState.Response(upgraded_state=state)

    def StopProvider(self, request: Any, context: Any) -> Any:
        return tfplugin_pb2.StopProvider.Response()


def _error(summary: str, detail: str, path: Path = ()) -> Any:
    step = tfplugin_pb2.AttributePath.Step
    steps = [
        step(attribute_name=part) if isinstance(part, str) else step(element_key_int=part)
        for part in path
    ]
    return tfplugin_pb2.Diagnostic(
        severity=tfplugin_pb2.Diagnostic.ERROR,
        summary=summary,
        detail=detail,
        attribute=tfplugin_pb2.AttributePath(steps=steps) if steps else None,
    )


class _Controller(grpc_controller_pb2_grpc.GRPCControllerServicer):  # type: ignore[misc] # no types
    def Shutdown(self, request: Any, context: Any) -> Any:
        return grpc_controller_pb2.Empty()


class _Stdio(grpc_stdio_pb2_grpc.GRPCStdioServicer):  # type: ignore[misc] # no types
    def StreamStdio(self, request: Any, context: Any) -> Any:
        return iter(())


def main(schema: dict[str, Any]) -> None:
    server = grpc.server(
        futures.ThreadPoolExecutor(8), options=[("grpc.max_send_message_length", _MESSAGE_BYTES)]
    )
    stand_in = StandIn(schema)
    tfplugin_pb2_grpc.add_ProviderServicer_to_server(stand_in, server)
    grpc_controller_pb2_grpc.add_GRPCControllerServicer_to_server(_Controller(), server)
    grpc_stdio_pb2_grpc.add_GRPCStdioServicer_to_server(_Stdio(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    reattach = {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,  # Terraform leaves the process alone at its end
        "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
    }
    print(json.dumps({SOURCE: reattach}), flush=True)
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        main(json.load(file))
