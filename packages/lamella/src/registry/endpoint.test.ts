import { describe, expect, test } from "vitest";
import { endpointOf, isAllowedAddress, mirrorOf } from "./endpoint.ts";
import { RegistrySettingsError } from "./error.ts";

function mirror(text: string): unknown {
  return mirrorOf("docker.io", { "docker.io": { mirror: text } });
}

describe("where a registry is reached", () => {
  test.each([
    ["ghcr.io", {}, "https://ghcr.io"],
    ["docker.io", {}, "https://registry-1.docker.io"],
    ["index.docker.io", {}, "https://registry-1.docker.io"],
    ["localhost:5000", {}, "http://localhost:5000"],
    ["127.0.0.1", {}, "http://127.0.0.1"],
    ["[::1]:5000", {}, "http://[::1]:5000"],
    ["localhost.example.com:5000", {}, "https://localhost.example.com:5000"],
    ["10.0.0.1:5000", {}, "https://10.0.0.1:5000"],
    ["10.0.0.1:5000", { "10.0.0.1:5000": { plainHttp: true } }, "http://10.0.0.1:5000"],
    ["localhost:5000", { "localhost:5000": { plainHttp: false } }, "https://localhost:5000"],
    ["localhost:5000", { "localhost:5000": { ca: "ca.pem" } }, "https://localhost:5000"],
    ["constructor", {}, "https://constructor"],
  ])("%s with %o is %s", (registry, settings, origin) => {
    expect(endpointOf(registry, settings).origin).toBe(origin);
  });

  test("a mirror may have a prefix, and no scheme", () => {
    expect(mirror("localhost:5000")).toEqual({ registry: "localhost:5000", prefix: "" });
    expect(mirror("[::1]:5000/")).toEqual({ registry: "[::1]:5000", prefix: "" });
    expect(mirror("harbor.lan/docker-hub/x")).toEqual({
      registry: "harbor.lan",
      prefix: "docker-hub/x/",
    });
    expect(mirrorOf("ghcr.io", { "docker.io": { mirror: "x" } })).toBeUndefined();
    for (const wrong of ["http://x", "", "a b", "x/../y", "user@x", "x?y", "x/%2e"]) {
      expect(() => mirror(wrong)).toThrow(RegistrySettingsError);
    }
  });

  test("without TLS only loopback and what is configured", () => {
    const settings = { "plain.lan:5000": { plainHttp: true } };
    const allowed = (url: string): boolean => isAllowedAddress(new URL(url), settings);
    expect(allowed("https://anywhere.example/x")).toBe(true);
    expect(allowed("http://localhost:1234/x")).toBe(true);
    expect(allowed("http://plain.lan:5000/x")).toBe(true);
    expect(allowed("http://plain.lan/x")).toBe(false);
    expect(allowed("http://anywhere.example/x")).toBe(false);
    expect(allowed("https://user:password@anywhere.example/x")).toBe(false);
    expect(allowed("file:///etc/passwd")).toBe(false);
  });
});
