import { describe, expect, test } from "vitest";
import { explainUvFailure } from "./uv-failure.ts";

const target = "Python 3.11 on linux/amd64 (glibc 2.36)";
const explain = (stderr: string) => explainUvFailure(stderr, target);
const noSolution = "error: No solution found when resolving dependencies\n  cause: ";

// As uv 0.13 wrote them; hosts changed.
describe("what uv says becomes an error of ours", () => {
  test.each([
    [
      "package-unknown",
      "zzz-zzz",
      `${noSolution}Because zzz_zzz was not found in the package registry and you require zzz_zzz, we can conclude that your requirements are unsatisfiable.\n`,
    ],
    [
      "package-unknown",
      "boto3",
      `${noSolution}Because boto3 was not found in the provided package locations and you require boto3, we can\n         conclude that your requirements are unsatisfiable.\n\nhint: Packages were unavailable because index lookups were disabled`,
    ],
    [
      "package-no-matching-version",
      "six",
      `${noSolution}Because there is no version of six==99.0 and you require six==99.0, we can conclude that your requirements are unsatisfiable.\n`,
    ],
    [
      "package-no-matching-version",
      "new-python",
      `${noSolution}Because new-python==1.0 requires Python >=3.12 and only new-python==1.0 is available, we can conclude that all versions of new-python cannot be used.\n`,
    ],
    [
      "package-no-matching-version",
      "foo",
      `${noSolution}Because the current Python version (3.11.0) does not satisfy Python>=3.12 and foo==1.0 depends on Python>=3.12, we can conclude that foo==1.0 cannot be used.\n`,
    ],
    [
      "package-no-wheel",
      "docopt",
      `${noSolution}Because all versions of docopt have no usable wheels and you require docopt, we can conclude that your requirements are unsatisfiable.\n\nhint: Wheels are required for \`docopt\` because building from source is disabled for all packages (i.e., with \`--no-build\`)\n`,
    ],
    [
      "package-no-wheel",
      "pywin32",
      `${noSolution}Because pywin32<=302 has no wheels with a matching Python ABI tag (e.g., \`cp311\`) and only the following versions of pywin32 are available:\n             pywin32<=302\n`,
    ],
    [
      "resolution-conflict",
      undefined,
      `${noSolution}Because pandas>=3.1.1 depends on numpy{python_full_version < '3.14'}>=2.0.2 and you require numpy<2, we can conclude that your requirements and pandas>=3.1.1 are incompatible.\n`,
    ],
    [
      "index-unauthorized",
      undefined,
      `${noSolution}Because six was not found in the package registry and you require six, we can conclude that your requirements are unsatisfiable.\n\nhint: An index URL (https://index.example/simple) could not be queried due to a lack of valid authentication credentials (401 Unauthorized)`,
    ],
    [
      "index-unauthorized",
      undefined,
      `${noSolution}Because six was not found in the package registry and you require six, we can conclude that your requirements are unsatisfiable.\n\nhint: An index (https://index.example/simple) returned a 403 Forbidden error. Check that the index URL is correct and the credentials are valid.`,
    ],
    [
      "index-unreachable",
      undefined,
      "error: Request failed after 3 retries in 7.8s\n  cause: Failed to fetch: https://index.example/simple/boto3/\n  cause: error sending request for url (https://index.example/simple/boto3/)\n  cause: client error (Connect)\n  cause: dns error\n  cause: failed to lookup address information: Name or service not known\n",
    ],
    [
      "index-unreachable",
      undefined,
      "error: Failed to fetch: https://index.example/simple/six/\n  cause: HTTP status server error (500 Internal Server Error) for url (https://index.example/simple/six/)",
    ],
    [
      "index-unreachable",
      undefined,
      `${noSolution}Because boto3 was not found in the cache and you require boto3, we can conclude that your requirements are unsatisfiable.\n\nhint: Packages were unavailable because the network was disabled.`,
    ],
    [
      "wheel-not-found",
      undefined,
      "error: Distribution not found at: file:///tmp/six-1.17.0-py2.py3-none-any.whl",
    ],
    [
      "wheel-not-found",
      undefined,
      "error: Failed to read `--find-links` directory: /nowhere\n  cause: No such file or directory (os error 2)",
    ],
    [
      "uv-unavailable",
      undefined,
      "error: No interpreter found for Python 3.11 in virtual environments, managed installations, or search path",
    ],
    [
      "wheel-invalid",
      undefined,
      `${noSolution}Because demo==1.0 has an invalid package format and only demo==1.0 is available, we can conclude that all versions of demo cannot be used.\n         And because you require demo, we can conclude that your requirements are unsatisfiable.\n\nhint: The structure of \`demo\` (v1.0) was invalid:\n        Failed to read from zip file`,
    ],
    [
      "wheel-mismatch",
      undefined,
      "error: Package metadata name `evil` does not match given name `demo`",
    ],
    [
      "store-disk-full",
      undefined,
      "error: Failed to inspect Python interpreter from provided path at `/usr/bin/python3.11`\n  cause: Failed to query Python interpreter\n  cause: failed to write to file `/home/joe/.cache/lamella/uv-cache/.tmpk9/x.py`: No space left on device (os error 28)",
    ],
    ["uv-failed", undefined, "error: unexpected argument '--format' found"],
    ["uv-failed", undefined, ""],
  ])("%s %s", (code, name, stderr) => {
    const error = explain(stderr);
    expect(error).toMatchObject({ code, ...(name !== undefined && { package: name }) });
    if (name !== undefined) expect(error.message).toContain(name);
    expect(error.hint).not.toBe("");
    expect(error.message).not.toContain("--no-build");
  });
});

test("a damaged wheel, a full disk and a failing index are named", () => {
  const damaged =
    "hint: The structure of `demo` (v1.0) was invalid:\n  Failed to read from zip file";
  expect(explain(`${noSolution}Because it is so.\n\n${damaged}`).message).toBe(
    "The wheel of demo 1.0 cannot be used: Failed to read from zip file.",
  );
  expect(explain("error: failed to write to file `/a/b`: No space left on device").message).toBe(
    "No space left on the disk of /a/b.",
  );
  const failing = "HTTP status server error (503 Service Unavailable) for url (https://i.example/)";
  expect(
    explain(`error: Failed to fetch: https://i.example/six/\n  cause: ${failing}`).message,
  ).toBe("https://i.example/six/ answers with an error: 503 Service Unavailable.");
});

test("the way to the target is in the message", () => {
  expect(
    explain(`${noSolution}Because all versions of docopt have no usable wheels`).message,
  ).toContain(`docopt has no wheel for ${target}`);
});

test("passwords in addresses are not repeated, and long explanations are cut", () => {
  const error = explain(
    `error: Failed to fetch: https://joe:s3cret@index.example/simple/six/\n  cause: ${"x".repeat(100_000)}`,
  );
  expect(`${error.message}${error.hint}`).not.toMatch(/s3cret|joe/);
  expect(error.message).toContain("https://***@index.example");
  expect(explain(`error: ${"y".repeat(100_000)}`).message.length).toBeLessThan(5_000);
});
