import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Credential, dockerCredentials } from "./credentials.ts";
import { RegistryCredentialsError } from "./error.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "lamella-credentials-"));
});
afterEach(() => rm(home, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const basic = (username: string, password: string): Credential => ({
  kind: "basic",
  username,
  password,
});

async function writeConfig(config: unknown, path = ".docker/config.json"): Promise<void> {
  const file = join(home, path);
  await mkdir(join(file, ".."), { recursive: true });
  await writeFile(file, typeof config === "string" ? config : JSON.stringify(config));
}

/** A helper that knows one server; it writes down what it is asked. */
async function writeHelper(name: string, body: string): Promise<void> {
  const file = join(home, "bin", `docker-credential-${name}`);
  await mkdir(join(home, "bin"), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
}

function lookUp(
  registry: string,
  env: Record<string, string> = {},
): Promise<Credential | undefined> {
  const path = [join(home, "bin"), process.env["PATH"]].join(delimiter);
  return dockerCredentials({ HOME: home, PATH: path, ...env })(registry);
}

describe("the file of docker login", () => {
  test("has passwords with colons, and identity and registry tokens", async () => {
    await writeConfig({
      auths: {
        "ghcr.io": { auth: base64("me:pass:word"), email: "ignored" },
        "a.azurecr.io": { auth: base64("0000:"), identitytoken: "refresh" },
        "b.example": { registrytoken: "access" },
        "c.example": { username: "you", password: "secret" },
        "d.example": {},
      },
    });
    expect(await lookUp("ghcr.io")).toEqual(basic("me", "pass:word"));
    expect(await lookUp("a.azurecr.io")).toEqual({ kind: "identity-token", token: "refresh" });
    expect(await lookUp("b.example")).toEqual({ kind: "registry-token", token: "access" });
    expect(await lookUp("c.example")).toEqual(basic("you", "secret"));
    expect(await lookUp("d.example")).toBeUndefined();
    expect(await lookUp("constructor")).toBeUndefined();
  });

  test("names registries by host or by address", async () => {
    await writeConfig({
      auths: {
        "https://index.docker.io/v1/": { auth: base64("hub:1") },
        "https://a.example/v2/": { auth: base64("a:1") },
        "http://b.example:5000": { auth: base64("b:1") },
        "c.example/team": { auth: base64("c:1") },
      },
    });
    expect(await lookUp("docker.io")).toEqual(basic("hub", "1"));
    expect(await lookUp("a.example")).toEqual(basic("a", "1"));
    expect(await lookUp("b.example:5000")).toEqual(basic("b", "1"));
    expect(await lookUp("b.example")).toBeUndefined();
    // Credentials for one repository are not for all of a host.
    expect(await lookUp("c.example")).toBeUndefined();
  });

  test("lies where DOCKER_CONFIG says; podman's comes after it", async () => {
    await writeConfig(
      { auths: { "a.example": { auth: base64("docker:1") } } },
      "elsewhere/config.json",
    );
    await writeConfig(
      {
        auths: {
          "a.example": { auth: base64("podman:1") },
          "b.example": { auth: base64("podman:2") },
        },
      },
      ".config/containers/auth.json",
    );
    const env = { DOCKER_CONFIG: join(home, "elsewhere") };
    expect(await lookUp("a.example", env)).toEqual(basic("docker", "1"));
    expect(await lookUp("b.example", env)).toEqual(basic("podman", "2"));
    expect(await lookUp("a.example")).toEqual(basic("podman", "1"));
  });

  test("is named when it is damaged, and nothing of it is shown", async () => {
    const path = join(home, ".docker", "config.json");
    for (const damaged of [
      '{"auths": {"x": {"auth": "hunter2',
      { auths: { "a.example": { auth: 7 } } },
      "[]",
    ]) {
      await writeConfig(damaged);
      const error = await lookUp("a.example").catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(RegistryCredentialsError);
      expect(String(error)).toContain(path);
      expect(String(error)).not.toContain("hunter2");
    }
    await writeConfig({ auths: { "a.example": { auth: base64("nocolon-hunter2") } } });
    await expect(lookUp("a.example")).rejects.toThrow(/a\.example in .*config\.json/);
    await expect(lookUp("a.example")).rejects.not.toThrow(/hunter2/);
  });
});

function answering(username: string, secret: string): string {
  const answer = JSON.stringify({ ServerURL: "x", Username: username, Secret: secret });
  return `read server; echo "$1 $server" > ${home}/asked; echo '${answer}'`;
}

describe("credential helpers", () => {
  test("are asked by the protocol, for single registries before all", async () => {
    await writeConfig({ credsStore: "all", credHelpers: { "a.example": "one" } });
    await writeHelper("all", answering("store", "1"));
    await writeHelper("one", answering("<token>", "refresh"));
    expect(await lookUp("a.example")).toEqual({ kind: "identity-token", token: "refresh" });
    expect(await lookUp("docker.io")).toEqual(basic("store", "1"));
    expect(await readFile(join(home, "asked"), "utf8")).toBe("get https://index.docker.io/v1/\n");
  });

  test("may know nothing; then the file's own entry counts", async () => {
    await writeConfig({ credsStore: "all", auths: { "a.example": { auth: base64("file:1") } } });
    await writeHelper("all", "echo 'credentials not found in native keychain'; exit 1");
    expect(await lookUp("a.example")).toEqual(basic("file", "1"));
    expect(await lookUp("b.example")).toBeUndefined();
  });

  test("that fail are an error, without what they said", async () => {
    await writeConfig({ credHelpers: { "a.example": "broken" } });
    await writeHelper("broken", "echo hunter2; exit 2");
    await expect(lookUp("a.example")).rejects.toThrow(RegistryCredentialsError);
    await expect(lookUp("a.example")).rejects.toThrow(/docker-credential-broken .*status 2/);
    await expect(lookUp("a.example")).rejects.not.toThrow(/hunter2/);
    await writeHelper("broken", "echo '{\"Secret\": 1}'");
    await expect(lookUp("a.example")).rejects.toThrow(/expected JSON/);
  });

  test("that are not installed are an error only where credentials are known to be in them", async () => {
    await writeConfig({ credsStore: "desktop", auths: { "a.example": {} } });
    await expect(lookUp("a.example")).rejects.toThrow(/not installed/);
    expect(await lookUp("b.example")).toBeUndefined();
    await writeConfig({ credHelpers: { "a.example": "gone" } });
    await expect(lookUp("a.example")).rejects.toThrow(/not installed/);
  });

  test("have names and no paths", async () => {
    await writeConfig({ credHelpers: { "a.example": "../../evil" } });
    await expect(lookUp("a.example")).rejects.toThrow(/name/);
  });

  test("are ended with the signal", async () => {
    await writeConfig({ credHelpers: { "a.example": "slow" } });
    await writeHelper("slow", "exec sleep 60");
    const reason = new Error("enough");
    const controller = new AbortController();
    const source = dockerCredentials({
      HOME: home,
      PATH: `${home}/bin${delimiter}${process.env["PATH"]}`,
    });
    const asked = source("a.example", { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(asked).rejects.toBe(reason);
  });
});
