"""The exporter as a client of Browsertrix: refused, or set otherwise than Browsertrix is."""

from exporter.rules.promql import EXPORTER, INSTANCE, by
from exporter.rules.rule import AlertingRule, Dashboard, Severity
from exporter.rules.thresholds import Thresholds


def rules(at: Thresholds) -> tuple[AlertingRule, ...]:
    """The alerts with these thresholds."""
    return (
        AlertingRule(
            name="BrowsertrixExporterLoginRefused",
            severity=Severity.WARNING,
            summary="Browsertrix refuses the exporter's login",
            description=f"{INSTANCE} may not ask Browsertrix, and does not try again before its "
            "file with the password or token changes: a sixth try would lock the account. Quotas, "
            "names, workflows and background jobs are unknown.",
            condition="Browsertrix refused the login, or the user is no superadmin",
            expr=f"max {by(*EXPORTER)} (browsertrix_exporter_browsertrix_login_refused) == 1",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
        AlertingRule(
            name="BrowsertrixExporterPauseLimitDiffers",
            severity=Severity.WARNING,
            summary="The exporter is told another pause limit than Browsertrix has",
            description=f"{INSTANCE} has a --pause-limit that is not what Browsertrix says: its "
            "figures and alerts on pauses that expire come at the wrong time.",
            condition="`--pause-limit` is given and is not Browsertrix's own",
            expr=f"max {by(*EXPORTER)} (browsertrix_exporter_pause_limit_differs) == 1",
            for_=at.client_hold,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.EXPORTER,
        ),
    )
