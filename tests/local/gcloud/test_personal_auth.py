"""The real `gcloud dataproc clusters enable-personal-auth-session` with the local cloud."""

import shutil
from pathlib import Path

import pytest

from local.stack.gcloud_endpoints import gcloud_endpoints
from tests.local.gcloud.harness import prepared_cloud
from tests.support.gcloud import Gcloud
from tests.support.token_exchange import HOST, TokenExchange

REGION = "--region=us-central1"
COMMAND = ("dataproc", "clusters", "enable-personal-auth-session")


@pytest.fixture
def exchange(tmp_path: Path) -> TokenExchange:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; gcloud encrypts the credentials with it")
    return TokenExchange(tmp_path)


def test_credentials_are_encrypted_with_the_clusters_key_and_injected(
    gcloud_command: Gcloud, exchange: TokenExchange
) -> None:
    with prepared_cloud() as local, exchange:
        gcloud_command.pointed_at(gcloud_endpoints(local.url) | exchange.environment)
        done = gcloud_command.run(*COMMAND, "ana", REGION, "--no-refresh-credentials", "--quiet")
        assert (done.returncode, exchange.asked) == (0, [HOST]), done.stderr
        (call,) = local.cloud.calls.entries(method="clusters.injectCredentials")
        assert (call.outcome, call.target.rpartition("/")[2]) == ("OK", "ana")


def test_a_cluster_without_personal_authentication_is_refused(
    gcloud_command: Gcloud, exchange: TokenExchange
) -> None:
    with prepared_cloud() as local, exchange:
        gcloud_command.pointed_at(gcloud_endpoints(local.url) | exchange.environment)
        done = gcloud_command.run(*COMMAND, "c1", REGION, "--quiet")
        assert "The cluster c1 does not support personal auth" in done.stderr
        assert local.cloud.calls.entries(method="clusters.injectCredentials") == []
