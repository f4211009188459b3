"""Runs timeloopfe in a process of its own. Not part of the package's import graph.

It is started by path, with the Python that has pytimeloop, which need not be the one that has
red_timeloop: so it uses nothing but pytimeloop. Its argument is a JSON file:
`{"command": "model" | "mapper", "files": [YAML, ...], "output": DIR, "log": FILE}`.
"""

import json
import sys


def main(job_file: str) -> int:
    """Run the job and return the exit code of Timeloop."""
    with open(job_file, encoding="utf-8") as stream:  # noqa: PTH123 - any Python 3 will do
        job = json.load(stream)
    import pytimeloop.timeloopfe.v4 as timeloopfe

    specification = timeloopfe.Specification.from_yaml_files(*job["files"])
    call = timeloopfe.call_mapper if job["command"] == "mapper" else timeloopfe.call_model
    # Without the process, timeloopfe would wait and then parse the output in its own way.
    process = call(specification, output_dir=job["output"], log_to=job["log"], return_proc=True)
    return int(process.wait())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
