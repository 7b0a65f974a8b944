import { describe, expect, test } from "vitest";
import { markerEnvironment, markerHolds } from "./evaluate-marker.ts";

const environment = markerEnvironment({ python: "3.11", platform: "linux/amd64" }, "3.11.2");

describe("markers", () => {
  test.each([
    ["python_version < '3.9'", false],
    ["python_version >= '3.9'", true],
    ["'3.9' <= python_version", true],
    ["python_version == '3.11.*'", true],
    ["python_full_version < '3.11.3'", true],
    ["python_full_version >= '3.11' and python_full_version < '3.12'", true],
    ["python_version ~= '3.10'", true],
    ["sys_platform == 'win32' or platform_machine == 'x86_64'", true],
    ["(sys_platform == 'win32' or sys_platform == 'linux') and os_name != 'posix'", false],
    ["sys_platform == 'win32' and os_name == 'nt' or implementation_name == 'cpython'", true],
    ["platform_python_implementation == 'PyPy'", false],
    ['"linux" in sys_platform', true],
    ["sys_platform not in 'win32 darwin'", true],
    ["extra == 'cpu'", true],
    ["extra != 'cpu'", false],
    ["extra == 'gpu'", false],
    ["platform_release >= '5'", false],
  ])("%s: %s", (marker, holds) => {
    expect(markerHolds(marker, environment, new Set(["cpu"]))).toBe(holds);
  });

  test.each([
    "",
    "python_version",
    "python_version <",
    "'a' == 'b'",
    "python_version < '3.9' and",
    "(python_version < '3.9'",
    "python_version < '3.9')",
    "no_such_variable == 'x'",
    "python_version < 3.9",
    "python_version < '3.9",
    "extra < 'cpu'",
    `${"(".repeat(200)}os_name == 'posix'${")".repeat(200)}`,
    `os_name == 'posix' or os_name == '${"x".repeat(200_000)}'`,
  ])("what is no marker: %#", (marker) => {
    expect(() => markerHolds(marker, environment)).toThrow(SyntaxError);
  });
});
