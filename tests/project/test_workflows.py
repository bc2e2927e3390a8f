"""The workflows, forms and hooks: what they may do, that their steps work, and that zizmor guards them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.run import PROJECT

GITHUB = PROJECT / ".github"
NAMES = ["ci", "release", "zizmor"]
ZIZMOR = Path(sys.executable).with_name("zizmor")


def text_of(name: str) -> str:
    """A workflow as it is written."""
    return (GITHUB / "workflows" / f"{name}.yml").read_text("utf-8")


def workflow(name: str) -> dict[str, Any]:
    """A workflow; YAML 1.1 reads its key `on` as True."""
    found: dict[Any, Any] = yaml.safe_load(text_of(name))
    return {"on" if key is True else key: value for key, value in found.items()}


def jobs(name: str) -> dict[str, dict[str, Any]]:
    """The jobs of a workflow."""
    found: dict[str, dict[str, Any]] = workflow(name)["jobs"]
    return found


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every step of every workflow, with its place."""
    for name in NAMES:
        for job, content in jobs(name).items():
            yield from ((f"{name}.{job}", step) for step in content.get("steps", ()))


def step_of(name: str, job: str, words: str) -> dict[str, Any]:
    """The step whose name or command holds these words."""
    [found] = [
        step
        for step in jobs(name)[job]["steps"]
        if words in step.get("name", "") or words in step.get("run", "")
    ]
    return found


def run_step(step: dict[str, Any], tree: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a step's command as GitHub does, with this Python as `python`."""
    bin_ = tree / "bin-of-the-step"
    bin_.mkdir(exist_ok=True)
    if not (bin_ / "python").exists():
        (bin_ / "python").symlink_to(sys.executable)
    environment = {"PATH": f"{bin_}{os.pathsep}{os.defpath}", **variables}
    return subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        cwd=tree, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


# --- Rights


def test_every_workflow_is_tested() -> None:
    """The rows below leave no file out."""
    assert sorted(path.stem for path in (GITHUB / "workflows").iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_rights_are_given_per_job(name: str) -> None:
    """The workflow as a whole may do nothing; each right of a job has a comment that says what it is for."""
    assert workflow(name)["permissions"] == {}
    lines = text_of(name).splitlines()
    for job, content in jobs(name).items():
        assert "permissions" in content, job
        for right, level in content["permissions"].items():
            written = [line for line in lines if line.strip().startswith(f"{right}: {level}")]
            assert written, (job, right)
            assert all(re.search(r" # \w", line) for line in written), (job, right)


@pytest.mark.parametrize("name", NAMES)
def test_runs_do_not_pile_up(name: str) -> None:
    """One group for each workflow and ref, and a limit of time for each job that runs steps."""
    assert workflow(name)["concurrency"]["group"] == f"{name}-${{{{ github.ref }}}}"
    for job, content in jobs(name).items():
        assert "uses" in content or 0 < content["timeout-minutes"] <= 60, job


def test_actions_are_pinned_by_their_commit() -> None:
    """A tag can be moved to other code; the comment beside the hash names the version for people."""
    pinned = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    used = [found for name in NAMES for found in re.findall(r"uses: (.+)", text_of(name))]
    foreign = [each for each in used if each != "$/.github/workflows/ci.yml"]
    assert len(foreign) > 10
    assert [each for each in foreign if not pinned.fullmatch(each)] == []
    assert len({each.partition("@")[0] for each in foreign}) == len(set(foreign)), (
        "two versions of one action"
    )


def test_no_step_leaves_the_token_in_the_clone() -> None:
    """A later step, or an artifact, could take it."""
    checkouts = [step for _, step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) >= 6
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_secret_is_used() -> None:
    """Publishing is trusted by OIDC, so there is none to leak."""
    assert [name for name in NAMES if "secrets." in text_of(name)] == []


# --- ci


def test_the_pythons_come_from_the_classifiers(tmp_path: Path) -> None:
    """The matrix is what the step writes, and the step reads pyproject.toml."""
    step = step_of("ci", "build", "List the Pythons")
    done = run_step(step, what_release_reads(tmp_path), GITHUB_OUTPUT=str(tmp_path / "output"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output").read_text() == 'pythons=["3.11", "3.12", "3.13", "3.14"]\n'
    build, wheel = jobs("ci")["build"], jobs("ci")["wheel"]
    assert build["outputs"] == {"pythons": "${{ steps.pythons.outputs.pythons }}"}
    assert step["id"] == "pythons"
    assert wheel["strategy"]["matrix"] == {"python": "${{ fromJSON(needs.build.outputs.pythons) }}"}


def what_release_reads(place: Path) -> Path:
    """A tree with what scripts/release.py reads."""
    tree = place / "tree"
    (tree / "scripts").mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "scripts/release.py"):
        shutil.copy(PROJECT / name, tree / name)
    return tree


def test_one_wheel_is_built_and_that_one_is_tested_and_published() -> None:
    """`make dist` runs in one job of all workflows; the others take its artifact by the same name."""
    built = [place for place, step in steps() if re.search(r"make dist|-m build|hatch", step.get("run", ""))]
    assert built == ["ci.build"]
    moved = {place: step["with"]["name"] for place, step in steps() if "-artifact@" in step.get("uses", "")}
    assert moved == {"ci.build": "dist", "ci.wheel": "dist", "release.publish": "dist"}
    assert step_of("ci", "wheel", "test_wheel.py")["run"] == "python scripts/test_wheel.py dist/*.whl"


def test_the_api_is_compared_with_a_tag_that_the_clone_has() -> None:
    """A shallow clone has no tag, and the check would fall back to the list of names."""
    checks = jobs("ci")["checks"]["steps"]
    assert "make api-check" in [step.get("run") for step in checks]
    assert checks[0]["with"]["fetch-depth"] == 0


def test_one_job_waits_for_all_others() -> None:
    """`all-green` is the one required check, so no job may be missing, and a failure must not skip it."""
    last = jobs("ci")["all-green"]
    assert set(last["needs"]) == set(jobs("ci")) - {"all-green"}
    assert last["if"] == "always()"
    [step] = last["steps"]
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}


@pytest.mark.parametrize(
    ("results", "green"),
    [
        pytest.param("success success success success", True, id="all"),
        pytest.param("success failure success success", False, id="one-failed"),
        pytest.param("success success success skipped", False, id="one-skipped"),
        pytest.param("cancelled success success success", False, id="one-cancelled"),
    ],
)
def test_only_success_is_green(results: str, green: bool, tmp_path: Path) -> None:
    """The last job fails on every other result."""
    [step] = jobs("ci")["all-green"]["steps"]
    assert (run_step(step, tmp_path, RESULTS=results).returncode == 0) is green


def test_every_command_exists() -> None:
    """Each `make` target and script that a step runs is there."""
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    commands = [step["run"] for _, step in steps() if "run" in step]
    targets = {target for each in commands for target in re.findall(r"\bmake ([a-z-]+)", each)}
    assert targets == {"dist", "test", "api-check", "docs"}
    assert [target for target in targets if f"\n{target}:" not in makefile] == []
    scripts = {script for each in commands for script in re.findall(r"scripts/\w+\.py", each)}
    assert scripts == {"scripts/release.py", "scripts/test_wheel.py"}
    assert [script for script in scripts if not (PROJECT / script).is_file()] == []


# --- release


def test_a_release_refuses_the_placeholder_before_it_builds(tmp_path: Path) -> None:
    """The step's own command fails while [project.urls] has it, and passes once it has an address."""
    step = step_of("release", "ready", "Require an address")
    tree = what_release_reads(tmp_path)
    changelog = tree / "CHANGELOG.md"
    changelog.write_text(changelog.read_text("utf-8").replace("unreleased", "2026-12-01", 1))
    done = run_step(step, tree, GITHUB_REF_NAME="v0.1.0")
    assert done.returncode == 1
    assert "pyproject.toml still has the address example.invalid" in done.stderr
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md"):
        path = tree / name
        path.write_text(path.read_text("utf-8").replace("example.invalid", "git.example.com"), "utf-8")
    done = run_step(step, tree, GITHUB_REF_NAME="v0.1.0")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_release_is_what_the_checks_built() -> None:
    """First the refusal, then ci.yml with its build and tests, then the publication; on tags alone."""
    assert workflow("release")["on"] == {"push": {"tags": ["v*"]}}
    assert "workflow_call" in workflow("ci")["on"]
    found = jobs("release")
    assert {name: job.get("needs") for name, job in found.items()} == {
        "ready": None,
        "checks": "ready",
        "publish": "checks",
    }
    assert found["checks"]["uses"] == "$/.github/workflows/ci.yml"


def test_publishing_is_trusted_and_attested() -> None:
    """By OIDC from an environment of its own; nothing else of any workflow may ask for an identity."""
    publish = jobs("release")["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["environment"]["name"] == "pypi"
    assert publish["steps"][-1]["with"] == {"attestations": True}
    assert "run" not in str([list(step) for step in publish["steps"]]), "no code of ours has that identity"
    others = [job for name in NAMES for job in jobs(name).values() if job is not publish]
    assert sum("id-token" in job["permissions"] for job in others) == 1  # parsed anew: publish itself


# --- zizmor

FAULTS = [
    pytest.param("        with:\n          persist-credentials: false\n", "", "artipacked", id="credentials"),
    pytest.param("permissions: {}\n\nconc", "permissions: write-all\n\nconc", "permissions", id="rights"),
    pytest.param("@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "unpinned-uses", id="unpinned"),
    pytest.param(
        'release.py ready "$GITHUB_REF_NAME"',
        "release.py ready ${{ github.ref_name }}",
        "template-injection",
        id="injection",
    ),
]


def zizmor(tree: Path) -> subprocess.CompletedProcess[str]:
    """As `make lint` runs it."""
    [line] = re.findall(r"\$\(VENV\)/bin/zizmor (.+)", (PROJECT / "Makefile").read_text("utf-8"))
    return subprocess.run(
        [ZIZMOR, *line.split()], cwd=tree, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def github(tmp_path: Path) -> Path:
    """A tree with our .github/ alone."""
    shutil.copytree(GITHUB, tmp_path / ".github")
    return tmp_path


def test_zizmor_finds_nothing(github: Path) -> None:
    """Neither in the workflows nor in dependabot's configuration."""
    done = zizmor(github)
    assert done.returncode == 0, done.stderr
    assert "No findings to report." in done.stdout  # coloured where CI is set


@pytest.mark.parametrize(("old", "new", "audit"), FAULTS)
def test_zizmor_bites(old: str, new: str, audit: str, github: Path) -> None:
    """Each of these faults fails `make lint`, by the name of its audit."""
    path = github / ".github" / "workflows" / "release.yml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    done = zizmor(github)
    assert done.returncode != 0
    assert audit in done.stdout


# --- Hooks and forms


def test_the_hooks_are_the_steps_of_make_lint() -> None:
    """Each line of the target has its hook, with the pinned tools of .venv, and there is no other hook."""
    [recipe] = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)
    steps_of_lint = [
        line.strip().replace("$(RUN)", ".venv/bin/python -m").replace("$(VENV)", ".venv")
        for line in recipe.splitlines()
    ]
    config = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == steps_of_lint
    assert all(hook["language"] == "system" and hook["pass_filenames"] is False for hook in hooks)


FORMS = ["bug", "feature"]


@pytest.mark.parametrize("name", FORMS)
def test_the_form_is_one(name: str) -> None:
    """GitHub shows no form that lacks one of these keys, or has an id twice."""
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text("utf-8"))
    assert {"name", "description", "body"} <= set(form) <= {"name", "description", "body", "labels"}
    fields = [each for each in form["body"] if each["type"] != "markdown"]
    assert {each["type"] for each in fields} <= {"textarea", "input"}
    assert len({each["id"] for each in fields}) == len(fields)
    assert all(each["attributes"]["label"] for each in fields)
    assert any(each.get("validations", {}).get("required") for each in fields)


def test_a_weakness_is_sent_to_the_private_channel() -> None:
    """The form for bugs says so first, and nobody can open an issue without a form."""
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text("utf-8"))
    assert form["body"][0]["type"] == "markdown"
    assert "SECURITY.md" in form["body"][0]["attributes"]["value"]
    config = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "config.yml").read_text("utf-8"))
    assert config == {"blank_issues_enabled": False}
    assert sorted(path.stem for path in (GITHUB / "ISSUE_TEMPLATE").iterdir()) == ["bug", "config", "feature"]
