"""What deploy/compose provisions in Grafana: in its documented form, and all of it found."""

import json
import re
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from support.compose import FOLDER, Project, lay_out
from support.tools import ROOT


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class DataSource(_Strict):
    """Of Grafana's documentation, *Provision Grafana*, data sources; what is used here."""

    name: str
    uid: str
    type: Literal["prometheus", "alertmanager"]
    access: Literal["proxy", "direct"]
    url: str
    is_default: bool = False
    editable: bool = False
    json_data: dict[str, str | bool]


class DataSources(_Strict):
    api_version: Literal[1]
    datasources: list[DataSource]


class ProviderOptions(_Strict):
    path: str
    folders_from_files_structure: bool = False


class Provider(_Strict):
    """Of the same page, dashboards."""

    name: str
    type: Literal["file"]
    folder: str = ""
    allow_ui_updates: bool = False
    options: ProviderOptions


class Providers(_Strict):
    api_version: Literal[1]
    providers: list[Provider]


JSON_DATA: Final = {
    "prometheus": {"httpMethod", "timeInterval", "manageAlerts", "prometheusType"},
    "alertmanager": {"implementation", "handleGrafanaManagedAlerts"},
}


ALERT_LIST: Final = {
    *("datasource", "viewMode", "groupMode", "groupBy", "maxItems", "sortOrder"),
    *("dashboardAlerts", "alertName", "alertInstanceLabelFilter", "stateFilter"),
}
"""The options that the panel has in Grafana 13."""


def test_grafana_has_the_data_sources_that_the_services_are(
    profile: str, compose: Project, tmp_path: Path
) -> None:
    mounted = lay_out(compose.services["grafana"], tmp_path)
    (file,) = mounted.at("/etc/grafana/provisioning/datasources").iterdir()
    found = DataSources.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    for one in found.datasources:
        assert one.json_data.keys() <= JSON_DATA[one.type]
        where = urlsplit(one.url)
        assert where.hostname in compose.names(profile)
        (service,) = (s for n, s in compose.of_profile(profile).items() if n.startswith(one.type))
        assert f"127.0.0.1:{where.port}:{where.port}" in service.ports
    assert [one.uid for one in found.datasources if one.is_default] == ["prometheus"]
    assert len({one.uid for one in found.datasources}) == len(found.datasources)


def test_grafana_finds_every_dashboard_and_each_its_data_source(
    compose: Project, tmp_path: Path
) -> None:
    grafana = compose.services["grafana"]
    mounted = lay_out(grafana, tmp_path)
    (file,) = mounted.at("/etc/grafana/provisioning/dashboards").iterdir()
    providers = Providers.model_validate(yaml.safe_load(file.read_text(encoding="utf-8"))).providers
    shown: list[dict[str, Any]] = [
        json.loads(path.read_text(encoding="utf-8"))
        for provider in providers
        for path in sorted(mounted.at(provider.options.path).glob("*.json"))
    ]
    committed = {path.stem for path in (ROOT / "dashboards" / "json").glob("*.json")}
    assert {one["uid"] for one in shown} == {*committed, "browsertrix-alerts"}
    assert mounted.at(grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).exists()

    (sources,) = mounted.at("/etc/grafana/provisioning/datasources").iterdir()
    provisioned = yaml.safe_load(sources.read_text(encoding="utf-8"))["datasources"]
    default = next(one for one in provisioned if one.get("isDefault"))
    for one in shown:
        chosen = [
            variable["query"]
            for variable in one.get("templating", {}).get("list", [])
            if variable["type"] == "datasource"
        ]
        uids = set(re.findall(r'"uid": "([^"]+)"', json.dumps(one))) - {one["uid"]}
        assert uids <= {"${datasource}", "-- Grafana --", default["uid"]}
        # A variable without a value takes the default one of its type, of which there is one.
        assert chosen == ([default["type"]] if "${datasource}" in uids else [])
    assert [one["type"] for one in provisioned].count("prometheus") == 1


def test_the_alert_list_is_a_dashboard_of_the_provisioned_prometheus() -> None:
    alerts = json.loads((FOLDER / "grafana" / "alerts.json").read_text(encoding="utf-8"))
    (panel,) = alerts["panels"]
    assert panel["type"] == "alertlist"
    assert panel["options"].keys() == ALERT_LIST
    folder = FOLDER / "grafana" / "provisioning" / "datasources"
    sources = yaml.safe_load((folder / "browsertrix.yaml").read_text(encoding="utf-8"))
    assert panel["options"]["datasource"] in {one["name"] for one in sources["datasources"]}
