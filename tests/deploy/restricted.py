"""The restricted Pod Security Standard, control by control, as its page has it."""

from __future__ import annotations

from typing import Any

HOST = ("hostNetwork", "hostPID", "hostIPC")
VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
PROFILES = {"RuntimeDefault", "Localhost"}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")

Table = dict[str, Any]


def violations(pod: Table) -> list[str]:
    """Return the controls that a pod's specification breaks."""
    found = [name for name in HOST if pod.get(name)]
    for volume in pod.get("volumes", []):
        if not volume.keys() - {"name"} <= VOLUMES:
            found.append("volume types")
    of_pod = pod.get("securityContext", {})
    if of_pod.get("sysctls"):
        found.append("sysctls")
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    for container in [*containers, *pod.get("ephemeralContainers", [])]:
        found += of_container(container, of_pod)
    return found


def of_container(container: Table, pod: Table) -> list[str]:
    """Return the controls that a container breaks, given its pod's security context."""
    own = container.get("securityContext", {})
    both = {**pod, **own}
    capabilities = own.get("capabilities", {})
    handlers = [container.get(probe, {}) for probe in PROBES]
    handlers += container.get("lifecycle", {}).values()
    broken = {
        "privileged": own.get("privileged"),
        "privilege escalation": own.get("allowPrivilegeEscalation") is not False,
        "running as non-root": both.get("runAsNonRoot") is not True,
        "running as non-root user": both.get("runAsUser") == 0,
        "seccomp": both.get("seccompProfile", {}).get("type") not in PROFILES,
        "capabilities dropped": "ALL" not in capabilities.get("drop", []),
        "capabilities added": set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"},
        "AppArmor": both.get("appArmorProfile", {}).get("type") == "Unconfined",
        "SELinux": {"user", "role"} & both.get("seLinuxOptions", {}).keys(),
        "proc mount": own.get("procMount", "Default") != "Default",
        "host ports": any(port.get("hostPort") for port in container.get("ports", [])),
        "host of a probe": any(
            handler.get(way, {}).get("host")
            for handler in handlers
            for way in ("httpGet", "tcpSocket")
        ),
    }
    return [name for name, wrong in broken.items() if wrong]
