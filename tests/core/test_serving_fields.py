"""Several processes and traces, as a spec says them: what is rendered, and that silence changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ordain.adapters.resources import templates
from ordain.core.rendering.render import render_model
from ordain.core.rendering.templating import parse
from ordain.core.rendering.workload import Unit
from ordain.core.specs.deployment import Deploy, Monitoring, Quantities, Resources, Traces
from ordain.core.specs.identity import essence
from ordain.core.state.validate_deploy import deploy_faults
from tests.core.test_forms import unit

TRACES = Traces(endpoint="https://otel.example.org", allow_to=("10.9.0.0/16",))
SERVERS = ("rest", "edge", "canary", "kserve")
TEMPLATES = templates()


def changed(form: str, **deploy: Any) -> Unit:
    made = unit(form)
    return replace(made, deploy=replace(made.deploy, **deploy))


def container(rendered: dict[str, bytes]) -> dict[str, Any]:
    """The serving container, in whatever workload it is."""

    def found(value: Any) -> Any:
        if isinstance(value, dict):
            for each in value.get("containers") or ():
                if any("--invalid-input" in word for word in each.get("args", ())):
                    return each
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return next((hit for each in values if (hit := found(each))), None)

    made: dict[str, Any] = found([parse(data) for data in rendered.values()])
    return made


def test_what_a_spec_does_not_say_is_in_no_identity() -> None:
    assert essence(Deploy(workers=1, traces=None)) == {}


@pytest.mark.parametrize("form", SERVERS)
def test_workers_are_an_argument_with_a_core_and_the_memory_of_a_process_each(form: str) -> None:
    plain = container(render_model(changed(form, resources=Resources()), TEMPLATES))
    assert not {"--workers", "--traces"} & {*plain["args"]}
    made = container(render_model(changed(form, resources=Resources(), workers=3), TEMPLATES))
    assert made["args"] == [*plain["args"], "--workers", "3"]
    resources = made["resources"]
    assert (resources["requests"]["cpu"], resources["limits"]["cpu"]) == ("3", "3")
    assert (resources["requests"]["memory"], resources["limits"]["memory"]) == ("576Mi", "1536Mi")


def test_each_worker_has_room_for_its_log() -> None:
    """Every process rotates files of its own, and the kubelet evicts a pod that outgrows its volume."""
    one = replace(changed("rest"), monitoring=Monitoring(), environment=_without_log())
    three = replace(one, deploy=replace(one.deploy, workers=3))
    limits = [
        container(render_model(each, TEMPLATES))["resources"]["limits"]["ephemeral-storage"]
        for each in (one, three)
    ]
    assert int(limits[1][:-2]) - int(limits[0][:-2]) == 2 * 48


def _without_log() -> Any:
    return replace(unit("rest").environment, prediction_log=None)


def test_declared_resources_stay_as_they_are_declared() -> None:
    declared = Resources(
        requests=Quantities(cpu="500m", memory="1Gi"), limits=Quantities(cpu="2", memory="2Gi")
    )
    made = container(render_model(changed("rest", resources=declared, workers=4), TEMPLATES))
    assert made["resources"]["requests"]["cpu"] == "500m"
    assert made["resources"]["limits"]["memory"] == "2Gi"


@pytest.mark.parametrize("form", SERVERS)
def test_traces_have_an_address_and_a_way_out(form: str) -> None:
    rendered = render_model(changed(form, traces=TRACES), TEMPLATES)
    made = container(rendered)
    assert made["args"][-1] == "--traces"
    variables = {each["name"]: each["value"] for each in made["env"]}
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://otel.example.org"
    policies = [each for each in map(parse, rendered.values()) if each["kind"] == "NetworkPolicy"]
    (policy,) = (each for each in policies if each["metadata"]["name"] == form)
    assert {"ipBlock": {"cidr": "10.9.0.0/16"}} in policy["spec"]["egress"][-1]["to"]


@pytest.mark.parametrize(
    ("deploy", "where", "said"),
    [
        ({"mode": "batch", "workers": 2}, ("workers",), "is for a server"),
        ({"mode": "batch", "traces": TRACES}, ("traces",), "is for a server"),
        (
            {"workers": 4, "resources": Resources(limits=Quantities(cpu="2", memory="2Gi"))},
            ("resources", "requests", "cpu"),
            "the request 4 is greater than the limit 2",
        ),
    ],
)
def test_what_does_not_go_together_is_a_problem(deploy: dict[str, Any], where: Any, said: str) -> None:
    found = {path: fault.message for path, fault in deploy_faults(Deploy(**deploy), ())}
    assert said in found[where]


def test_a_default_that_one_process_has_is_no_problem_for_several() -> None:
    assert [*deploy_faults(Deploy(workers=4), ())] == []


def test_the_job_that_watches_a_server_is_one_process() -> None:
    """It asks for what the spec gives one, however many serve."""
    one, three = (render_model(changed("rest", workers=count), TEMPLATES) for count in (1, 3))
    jobs = [
        [parse(data) for data in rendered.values() if parse(data)["kind"] == "CronJob"]
        for rendered in (one, three)
    ]
    assert jobs[0]
    assert jobs[0] == jobs[1]
