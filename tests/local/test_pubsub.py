"""The Pub/Sub faces through Google's own clients and plain REST; the broker; the scheduler."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.protobuf import duration_pb2

from local.clock import Clock
from local.cloud import Cloud
from local.errors import ApiError
from local.pubsub import PubSub, Scheduler
from local.pubsub.broker import Broker
from local.pubsub.model import Draft, Settings, seconds
from local.web import Server, build_app

TOPIC = "projects/demo/topics/events"
SUBSCRIPTION = "projects/demo/subscriptions/reader"


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(project="demo")


@pytest.fixture
def pubsub(cloud: Cloud) -> Iterator[PubSub]:
    pubsub = PubSub(cloud)
    pubsub.start()
    yield pubsub
    pubsub.stop()


@pytest.fixture
def address(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = pubsub.grpc_server()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
    yield server.address
    server.stop()


@pytest.fixture
def publisher(address: str) -> Iterator[pubsub_v1.PublisherClient]:
    # One message a batch: the client's own waiting for more isn't what is tested here.
    client = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_messages=1))
    yield client
    client.stop()
    client.transport.close()


@pytest.fixture
def subscriber(address: str) -> Iterator[pubsub_v1.SubscriberClient]:
    with pubsub_v1.SubscriberClient() as client:
        yield client


@pytest.fixture
def url(cloud: Cloud, pubsub: PubSub) -> Iterator[str]:
    with Server(build_app(cloud, [pubsub.routes()])) as server:
        yield f"{server.url}/v1/projects/demo"


class TestGrpc:
    def test_a_message_goes_from_publisher_to_subscriber(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        message_id = publisher.publish(TOPIC, b"hello", kind="join").result(5)

        received = subscriber.pull(subscription=SUBSCRIPTION, max_messages=5).received_messages

        assert len(received) == 1
        message = received[0].message
        assert (message.data, dict(message.attributes)) == (b"hello", {"kind": "join"})
        assert message.message_id == message_id
        assert received[0].delivery_attempt == 0, "only counted with a dead-letter policy"
        assert abs(message.publish_time.timestamp() - time.time()) < 10

    def test_topics_are_listed_page_by_page_and_deleted(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        names = [f"projects/demo/topics/topic-{number}" for number in range(5)]
        for name in names:
            publisher.create_topic(name=name)
        publisher.create_topic(name="projects/other/topics/foreign")
        subscriber.create_subscription(name=SUBSCRIPTION, topic=names[0])

        pages = publisher.list_topics(request={"project": "projects/demo", "page_size": 2}).pages
        assert [[topic.name for topic in page.topics] for page in pages] == [
            names[0:2],
            names[2:4],
            names[4:],
        ]
        assert list(publisher.list_topic_subscriptions(topic=names[0])) == [SUBSCRIPTION]

        publisher.delete_topic(topic=names[0])
        assert subscriber.get_subscription(subscription=SUBSCRIPTION).topic == "_deleted-topic_"
        with pytest.raises(exceptions.NotFound):
            publisher.get_topic(topic=names[0])

    def test_a_subscription_reads_back_as_it_was_written(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        publisher.create_topic(name=TOPIC)
        written = {
            "name": SUBSCRIPTION,
            "topic": TOPIC,
            "ack_deadline_seconds": 42,
            "labels": {"team": "data"},
            "enable_message_ordering": True,
            "retry_policy": {
                "minimum_backoff": duration_pb2.Duration(seconds=1),
                "maximum_backoff": duration_pb2.Duration(seconds=9, nanos=500_000_000),
            },
            "dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 7},
            "push_config": {"push_endpoint": "http://localhost:9/x"},
        }
        subscriber.create_subscription(request=written)

        read = subscriber.get_subscription(subscription=SUBSCRIPTION)

        assert list(subscriber.list_subscriptions(project="projects/demo")) == [read]
        assert read.ack_deadline_seconds == 42
        assert dict(read.labels) == {"team": "data"}
        assert read.enable_message_ordering
        assert read.retry_policy.maximum_backoff == timedelta(seconds=9.5)
        assert read.dead_letter_policy.max_delivery_attempts == 7
        assert read.push_config.push_endpoint == "http://localhost:9/x"
        assert dict(read.push_config.attributes) == {"x-goog-version": "v1"}
        assert read.message_retention_duration == timedelta(days=7)

        subscriber.modify_push_config(subscription=SUBSCRIPTION, push_config={})
        assert not subscriber.get_subscription(subscription=SUBSCRIPTION).push_config.push_endpoint
        subscriber.delete_subscription(subscription=SUBSCRIPTION)
        with pytest.raises(exceptions.NotFound):
            subscriber.get_subscription(subscription=SUBSCRIPTION)

    def test_streaming_pull_serves_the_clients_subscribe(
        self, publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient
    ) -> None:
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        wanted = {publisher.publish(TOPIC, b"x").result(5) for _ in range(20)}
        got: list[str] = []
        complete = threading.Event()

        def handle(message: pubsub_v1.subscriber.message.Message) -> None:
            got.append(message.message_id)
            message.ack()
            if len(got) == len(wanted):
                complete.set()

        stream = subscriber.subscribe(SUBSCRIPTION, callback=handle)
        assert complete.wait(10)
        stream.cancel()
        stream.result(10)
        assert sorted(got) == sorted(wanted), "each exactly once"

    def test_scripted_faults_reach_grpc_clients(
        self, cloud: Cloud, publisher: pubsub_v1.PublisherClient
    ) -> None:
        publisher.create_topic(name=TOPIC)
        fault = cloud.faults.add(
            {
                "service": "pubsub",
                "method": "topics.get",
                "times": 1,
                "error": {"status": "PERMISSION_DENIED", "message": "not you"},
            }
        )
        with pytest.raises(exceptions.PermissionDenied, match="not you"):
            publisher.get_topic(topic=TOPIC)
        assert fault.hits == 1
        cut = cloud.faults.add({"service": "pubsub", "method": "topics.get", "drop": True})
        with pytest.raises(exceptions.ServiceUnavailable):
            publisher.get_topic(topic=TOPIC, retry=None)
        assert cut.hits == 1
        calls = cloud.calls.entries("pubsub", "topics.get")
        assert [(call.target, call.outcome) for call in calls] == [
            (TOPIC, "PERMISSION_DENIED"),
            (TOPIC, "DROPPED"),
        ]

    def test_client_survives_a_lost_publish_answer_by_publishing_again(
        self, cloud: Cloud, pubsub: PubSub, publisher: pubsub_v1.PublisherClient
    ) -> None:
        pubsub.create_topic("events")
        pubsub.subscribe("events", name="reader")
        fault = cloud.faults.add(
            {
                "service": "pubsub",
                "method": "topics.publish",
                "when": "after",
                "times": 1,
                "error": {"status": "UNAVAILABLE"},
            }
        )
        publisher.publish(TOPIC, b"once").result(10)
        assert fault.hits == 1
        assert len(pubsub.broker.pull(SUBSCRIPTION, 10, 0)) == 2

    def test_a_taken_port_is_an_error(self, pubsub: PubSub, address: str) -> None:
        with pytest.raises(RuntimeError):
            pubsub.grpc_server(port=int(address.rpartition(":")[2]))


class TestRest:
    def test_topics_and_messages(self, url: str) -> None:
        assert requests.put(f"{url}/topics/events", json={"labels": {"a": "b"}}).json() == {
            "name": TOPIC,
            "labels": {"a": "b"},
        }
        assert requests.get(f"{url}/topics").json() == {
            "topics": [{"name": TOPIC, "labels": {"a": "b"}}]
        }
        made = requests.put(f"{url}/subscriptions/reader", json={"topic": TOPIC}).json()
        assert made["ackDeadlineSeconds"] == 10
        assert requests.get(f"{url}/topics/events/subscriptions").json() == {
            "subscriptions": [SUBSCRIPTION]
        }
        # URL-safe base64 without padding is what some clients send.
        messages = {"messages": [{"data": "-_8", "attributes": {"k": "v"}}]}
        ids = requests.post(f"{url}/topics/events:publish", json=messages).json()["messageIds"]

        pulled = requests.post(f"{url}/subscriptions/reader:pull", json={"maxMessages": 3}).json()

        received = pulled["receivedMessages"]
        assert received[0]["message"]["data"] == "+/8="
        assert received[0]["message"]["attributes"] == {"k": "v"}
        assert [one["message"]["messageId"] for one in received] == ids
        acks = {"ackIds": [received[0]["ackId"]]}
        assert requests.post(f"{url}/subscriptions/reader:acknowledge", json=acks).json() == {}
        empty = {"maxMessages": 3, "returnImmediately": True}
        assert requests.post(f"{url}/subscriptions/reader:pull", json=empty).json() == {}
        assert requests.delete(f"{url}/subscriptions/reader").json() == {}
        assert requests.delete(f"{url}/topics/events").json() == {}
        assert requests.get(f"{url}/topics").json() == {}

    def test_given_back_message_comes_again(self, pubsub: PubSub, url: str) -> None:
        pubsub.create_topic("events")
        pubsub.subscribe("events", name="reader", min_backoff=0)
        pubsub.publish("events", b"x")
        reader = f"{url}/subscriptions/reader"
        pulled = requests.post(f"{reader}:pull", json={"maxMessages": 1}).json()
        ack_id = pulled["receivedMessages"][0]["ackId"]
        requests.post(
            f"{reader}:modifyAckDeadline", json={"ackIds": [ack_id], "ackDeadlineSeconds": 0}
        ).raise_for_status()
        again = requests.post(f"{reader}:pull", json={"maxMessages": 1}).json()
        assert again["receivedMessages"][0]["ackId"] != ack_id

    @pytest.mark.parametrize(
        ("method", "path", "body", "field"),
        [
            ("PUT", "topics/events", {"label": {}}, "label"),
            ("PUT", "topics/events", {"state": "ACTIVE"}, "state"),
            ("PUT", "subscriptions/reader", {"ackDeadlineSeconds": 10}, "topic"),
            ("POST", "topics/events:publish", {"messages": [{"text": "x"}]}, "messages[0].text"),
            ("POST", "topics/events:publish", {"messages": [{"data": "*"}]}, "messages[0].data"),
            ("POST", "subscriptions/reader:pull", {}, "maxMessages"),
            ("GET", "topics?pagesize=3", None, "pagesize"),
        ],
    )
    def test_what_the_discovery_document_does_not_know_is_refused_by_name(
        self, url: str, method: str, path: str, body: dict[str, object] | None, field: str
    ) -> None:
        answer = requests.request(method, f"{url}/{path}", json=body)
        error = answer.json()["error"]
        assert (answer.status_code, error["status"]) == (400, "INVALID_ARGUMENT")
        assert [one["field"] for one in error["details"][0]["fieldViolations"]] == [field]

    def test_errors_have_googles_envelope(self, url: str) -> None:
        message = {"messages": [{"data": "eA=="}]}
        answer = requests.post(f"{url}/topics/events:publish", json=message)
        assert answer.status_code == 404
        assert answer.json()["error"]["status"] == "NOT_FOUND"
        assert TOPIC in answer.json()["error"]["message"]

    def test_an_admin_can_have_a_message_delivered_again(self, pubsub: PubSub, url: str) -> None:
        pubsub.create_topic("events")
        pubsub.subscribe("events", name="reader")
        message_id = pubsub.publish("events", b"x")
        admin = url.removesuffix("/v1/projects/demo") + "/_admin/pubsub/messages"
        assert requests.post(f"{admin}/{message_id}:redeliver").json() == {"subscriptions": 1}
        assert len(pubsub.broker.pull(SUBSCRIPTION, 10, 0)) == 2
        assert requests.post(f"{admin}/7:redeliver").status_code == 404


class TestLeases:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def broker(self, clock: Clock) -> Broker:
        broker = Broker(clock)
        broker.create_topic(TOPIC, {})
        return broker

    def test_unacknowledged_message_comes_again_after_the_deadline_on_the_clouds_clock(
        self, clock: Clock, broker: Broker
    ) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, "ackDeadlineSeconds": 60})
        broker.publish(TOPIC, [Draft(b"x")])
        (first,) = broker.pull(SUBSCRIPTION, 5, 0)
        clock.advance(timedelta(seconds=59))
        assert broker.pull(SUBSCRIPTION, 5, 0) == []
        clock.advance(timedelta(seconds=1))
        (second,) = broker.pull(SUBSCRIPTION, 5, 0)
        assert second.message == first.message
        assert second.ack_id != first.ack_id

    def test_extended_lease_holds(self, clock: Clock, broker: Broker) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        broker.publish(TOPIC, [Draft(b"x")])
        (handed,) = broker.pull(SUBSCRIPTION, 5, 0)
        broker.modify_ack_deadline(SUBSCRIPTION, [handed.ack_id], 600)
        clock.advance(timedelta(seconds=599))
        assert broker.pull(SUBSCRIPTION, 5, 0) == []

    def test_acknowledgement_after_the_deadline_still_counts(
        self, clock: Clock, broker: Broker
    ) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        broker.publish(TOPIC, [Draft(b"x")])
        (handed,) = broker.pull(SUBSCRIPTION, 5, 0)
        clock.advance(timedelta(seconds=11))
        broker.release_due()
        broker.acknowledge(SUBSCRIPTION, [handed.ack_id])
        assert broker.pull(SUBSCRIPTION, 5, 0) == []

    def test_giving_back_an_old_lease_leaves_the_new_one_alone(
        self, clock: Clock, broker: Broker
    ) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        broker.publish(TOPIC, [Draft(b"x")])
        (old,) = broker.pull(SUBSCRIPTION, 5, 0)
        clock.advance(timedelta(seconds=11))
        (new,) = broker.pull(SUBSCRIPTION, 5, 0)
        broker.modify_ack_deadline(SUBSCRIPTION, [old.ack_id], 0)
        assert broker.pull(SUBSCRIPTION, 5, 0) == []
        broker.modify_ack_deadline(SUBSCRIPTION, [new.ack_id], 0)
        assert len(broker.pull(SUBSCRIPTION, 5, 0)) == 1

    def test_retry_policy_delays_what_was_given_back(self, clock: Clock, broker: Broker) -> None:
        policy = {"minimumBackoff": "100s", "maximumBackoff": "150s"}
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, "retryPolicy": policy})
        broker.publish(TOPIC, [Draft(b"x")])
        for wait in (100, 150, 150):
            (handed,) = broker.pull(SUBSCRIPTION, 5, 0)
            broker.modify_ack_deadline(SUBSCRIPTION, [handed.ack_id], 0)
            clock.advance(timedelta(seconds=wait - 1))
            assert broker.pull(SUBSCRIPTION, 5, 0) == []
            clock.advance(timedelta(seconds=1))

    def test_message_stays_when_its_dead_letter_topic_is_gone(self, broker: Broker) -> None:
        dead = "projects/demo/topics/dead"
        broker.create_topic(dead, {})
        policy = {"deadLetterTopic": dead, "maxDeliveryAttempts": 5}
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, "deadLetterPolicy": policy})
        broker.delete_topic(dead)
        broker.publish(TOPIC, [Draft(b"x")])
        for attempt in range(1, 8):
            (handed,) = broker.pull(SUBSCRIPTION, 5, 0)
            assert handed.attempt == attempt
            broker.modify_ack_deadline(SUBSCRIPTION, [handed.ack_id], 0)

    def test_waiting_pull_returns_as_soon_as_there_is_a_message(self, broker: Broker) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        later = threading.Timer(0.1, broker.publish, (TOPIC, [Draft(b"x")]))
        later.start()
        started = time.monotonic()
        assert len(broker.pull(SUBSCRIPTION, 5, wait_seconds=10)) == 1
        assert time.monotonic() - started < 5
        later.join()

    def test_ordered_pull_hands_out_one_message_of_a_key_at_a_time(self, broker: Broker) -> None:
        body = {"topic": TOPIC, "enableMessageOrdering": True}
        broker.create_subscription(SUBSCRIPTION, body)
        for text in (b"1", b"2"):
            for key in ("ana", "ben"):
                broker.publish(TOPIC, [Draft(text, ordering_key=key)])
        first = broker.pull(SUBSCRIPTION, 10, 0)
        assert [(one.message.ordering_key, one.message.data) for one in first] == [
            ("ana", b"1"),
            ("ben", b"1"),
        ]
        broker.acknowledge(SUBSCRIPTION, [first[0].ack_id])
        (then,) = broker.pull(SUBSCRIPTION, 10, 0)
        assert (then.message.ordering_key, then.message.data) == ("ana", b"2")

    @pytest.mark.parametrize("ack_id", ["", "nonsense", "other:1-1", f"{SUBSCRIPTION}:1-x"])
    def test_ack_id_of_another_kind_is_refused(self, broker: Broker, ack_id: str) -> None:
        broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC})
        with pytest.raises(ApiError, match="Invalid ack id"):
            broker.acknowledge(SUBSCRIPTION, [ack_id])

    def test_message_ids_do_not_repeat_in_another_broker(self, broker: Broker) -> None:
        other = Broker(Clock())
        other.create_topic(TOPIC, {})
        first = broker.publish(TOPIC, [Draft(b"x")] * 3)
        second = other.publish(TOPIC, [Draft(b"x")] * 3)
        assert not set(first) & set(second)


class TestLimits:
    @pytest.fixture
    def broker(self) -> Broker:
        broker = Broker(Clock())
        broker.create_topic(TOPIC, {})
        return broker

    @pytest.mark.parametrize(
        "draft",
        [
            pytest.param(Draft(b""), id="neither data nor attributes"),
            pytest.param(Draft(b"x" * 10_000_001), id="more than 10 MB"),
            pytest.param(Draft(b"x" * 9_999_999, {"k": "v"}), id="10 MB with the attributes"),
            pytest.param(Draft(b"x", {f"k{n}": "" for n in range(101)}), id="101 attributes"),
            pytest.param(Draft(b"x", {"k" * 257: "v"}), id="key of 257 bytes"),
            pytest.param(Draft(b"x", {"k": "ä" * 513}), id="value of 1026 bytes"),
            pytest.param(Draft(b"x", {"": "v"}), id="empty key"),
            pytest.param(Draft(b"x", {"googclient": "v"}), id="reserved key"),
            pytest.param(Draft(b"x", ordering_key="k" * 1025), id="ordering key of 1025 bytes"),
        ],
    )
    def test_message_beyond_googles_limits_is_refused(self, broker: Broker, draft: Draft) -> None:
        with pytest.raises(ApiError) as refused:
            broker.publish(TOPIC, [draft])
        assert refused.value.status == "INVALID_ARGUMENT"

    def test_message_at_googles_limits_is_accepted(self, broker: Broker) -> None:
        attributes = {f"k{n:03}".ljust(256, "k"): "v" * 1024 for n in range(100)}
        assert broker.publish(TOPIC, [Draft(b"", attributes)])
        assert broker.publish(TOPIC, [Draft(b"x" * 10_000_000)])
        assert len(broker.publish(TOPIC, [Draft(b"x")] * 1000)) == 1000

    def test_request_beyond_googles_limits_is_refused(self, broker: Broker) -> None:
        for drafts in ([], [Draft(b"x")] * 1001, [Draft(b"x" * 5_000_001)] * 2):
            with pytest.raises(ApiError) as refused:
                broker.publish(TOPIC, drafts)
            assert refused.value.status == "INVALID_ARGUMENT"

    @pytest.mark.parametrize(
        "name",
        ["ab", "goog-topic", "1topic", "a" * 256, "my topic", "", "töpic", "a/b"],
    )
    def test_invalid_name_is_refused(self, broker: Broker, name: str) -> None:
        with pytest.raises(ApiError) as refused:
            broker.create_topic(f"projects/demo/topics/{name}", {})
        assert refused.value.status == "INVALID_ARGUMENT"

    @pytest.mark.parametrize(
        ("wish", "status"),
        [
            ({"ackDeadlineSeconds": 9}, "INVALID_ARGUMENT"),
            ({"ackDeadlineSeconds": 601}, "INVALID_ARGUMENT"),
            ({"filter": 'attributes.kind = "join"'}, "INVALID_ARGUMENT"),
            ({"enableExactlyOnceDelivery": True}, "INVALID_ARGUMENT"),
            ({"retryPolicy": {"minimumBackoff": "601s"}}, "INVALID_ARGUMENT"),
            ({"retryPolicy": {"minimumBackoff": "1m"}}, "INVALID_ARGUMENT"),
            ({"retryPolicy": {"maximumBackoff": "9s"}}, "INVALID_ARGUMENT"),
            ({"deadLetterPolicy": {"deadLetterTopic": TOPIC + "x"}}, "NOT_FOUND"),
            (
                {"deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 4}},
                "OUT_OF_RANGE",
            ),
            ({"topic": TOPIC + "x"}, "NOT_FOUND"),
            ({"pushConfig": {"pushEndpoint": "http://example.com/"}}, "INVALID_ARGUMENT"),
        ],
    )
    def test_subscription_google_or_we_cannot_serve_is_refused(
        self, broker: Broker, wish: dict[str, object], status: str
    ) -> None:
        with pytest.raises(ApiError) as refused:
            broker.create_subscription(SUBSCRIPTION, {"topic": TOPIC, **wish})
        assert refused.value.status == status

    def test_back_off_grows_to_its_maximum_and_never_overflows(self) -> None:
        settings = Settings(min_backoff=0.1, max_backoff=60)
        assert [settings.backoff(n) for n in (1, 2, 3)] == pytest.approx([0.1, 0.2, 0.4])
        assert settings.backoff(10_000) == 60

    @pytest.mark.parametrize(("text", "value"), [("3s", 3), ("0.100s", 0.1), ("600s", 600)])
    def test_durations(self, text: str, value: float) -> None:
        assert seconds(text) == pytest.approx(value)


class TestScheduler:
    @pytest.fixture
    def scheduler(self, cloud: Cloud, pubsub: PubSub) -> Iterator[Scheduler]:
        pubsub.create_topic("events")
        pubsub.subscribe("events", name="reader")
        scheduler = Scheduler(cloud, pubsub)
        scheduler.start()
        yield scheduler
        scheduler.stop()

    @staticmethod
    def pulled(pubsub: PubSub, wait: float = 2.0) -> list[bytes]:
        handed = pubsub.broker.pull(SUBSCRIPTION, 10, wait)
        pubsub.broker.acknowledge(SUBSCRIPTION, [one.ack_id for one in handed])
        return [one.message.data for one in handed]

    def test_a_job_fires_each_time_the_clock_passes_its_turn(
        self, cloud: Cloud, pubsub: PubSub, scheduler: Scheduler
    ) -> None:
        scheduler.every(60, "events", b"tick", name="minute", attributes={"a": "b"})
        assert self.pulled(pubsub, wait=0.1) == []
        for _ in range(3):
            cloud.clock.advance(timedelta(seconds=60))
            assert self.pulled(pubsub) == [b"tick"]

    def test_a_long_jump_fires_once_and_keeps_the_beat(
        self, cloud: Cloud, pubsub: PubSub, scheduler: Scheduler
    ) -> None:
        scheduler.every(3600, "events", b"tick", name="hour")
        first = scheduler.resources()[0]["nextRun"]
        cloud.clock.advance(timedelta(days=30, minutes=30))
        assert self.pulled(pubsub) == [b"tick"]
        assert self.pulled(pubsub, wait=0.2) == []
        (job,) = scheduler.resources()
        assert job["statistics"] == {"fired": 1, "failed": 0}
        assert job["nextRun"][14:] == first[14:], "same minute and second of the hour"

    def test_a_job_without_its_topic_does_not_stop_the_others(
        self, cloud: Cloud, pubsub: PubSub, scheduler: Scheduler
    ) -> None:
        scheduler.every(60, "missing", b"lost", name="broken")
        scheduler.every(60, "events", b"tick", name="sound")
        cloud.clock.advance(timedelta(seconds=61))
        assert self.pulled(pubsub) == [b"tick"]
        counted = {job["topic"]: job["statistics"] for job in scheduler.resources()}
        assert counted["missing"] == {"fired": 0, "failed": 1}

    def test_run_fires_at_once_and_removed_jobs_never(
        self, cloud: Cloud, pubsub: PubSub, scheduler: Scheduler
    ) -> None:
        scheduler.every(60, "events", b"tick", name="minute")
        scheduler.run("minute")
        assert self.pulled(pubsub) == [b"tick"]
        scheduler.remove("minute")
        cloud.clock.advance(timedelta(seconds=61))
        assert self.pulled(pubsub, wait=0.2) == []

    def test_a_job_needs_a_beat(self, scheduler: Scheduler) -> None:
        with pytest.raises(ValueError, match="every 0"):
            scheduler.every(0, "events", b"tick", name="never")


def test_idle_does_not_wait_for_pull_subscriptions(pubsub: PubSub) -> None:
    pubsub.create_topic("events")
    pubsub.create_topic("events")
    pubsub.subscribe("events", name="reader")
    pubsub.publish("events", b"x")
    assert pubsub.idle(0)
    assert pubsub.undelivered() == 0
    kinds = [(one["kind"], one["name"]) for one in pubsub.resources()]
    assert kinds == [("pubsub.topic", TOPIC), ("pubsub.subscription", SUBSCRIPTION)]
    assert pubsub.resources()[1]["statistics"]["undelivered"] == 1
