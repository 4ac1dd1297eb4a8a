"""What `podling up --audit-...` says of the audit log, as the API server takes it."""

from __future__ import annotations

from pathlib import Path

from podling.apiserver.audit.log import Rotation
from podling.apiserver.audit.policy import BadPolicy, Policy, load
from podling.apiserver.config import Audit

from .config import ClusterConfig
from .errors import BadConfig
from .layout import Layout


def policy(path: str) -> Policy:
    """The policy in a file; raises BadConfig where it cannot be followed."""
    try:
        return load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, BadPolicy) as error:
        raise BadConfig(f"cannot use --audit-policy-file {path}: {error}") from error


def settings(config: ClusterConfig, layout: Layout) -> Audit | None:
    """None where no policy is given."""
    if not config.audit_policy_file:
        return None
    rotation = Rotation(
        max_size=config.audit_log_maxsize,
        max_backups=config.audit_log_maxbackup,
        max_age=config.audit_log_maxage,
    )
    log = Path(config.audit_log_path) if config.audit_log_path else layout.cluster / "audit.log"
    return Audit(policy=policy(config.audit_policy_file), log=log, rotation=rotation)
