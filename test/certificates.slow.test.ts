import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMirror } from "../packages/lamella/testing/debian-base.ts";
import type { RunningRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { temporaryFolder } from "../packages/lamella/testing/lamella.ts";
import { createCertificate } from "../packages/lamella/testing/token-server.ts";
import { createProject, debianImage, tryBuild } from "./project.ts";
import { executed } from "./tasks.ts";

// Whom commands trust: a real server with a certificate of its own, asked from a real Debian base.

let registry: RunningRegistry;
let open: AsyncDisposableStack;

beforeAll(async () => {
  await using opening = new AsyncDisposableStack();
  registry = opening.use(await startMirror());
  open = opening.move();
});
afterAll(() => open?.disposeAsync());

interface SecretServer extends AsyncDisposable {
  readonly url: string;
  /** Its certificate, in PEM. */
  readonly certificate: string;
}

async function startServer(): Promise<SecretServer> {
  await using folder = await temporaryFolder();
  const paths = [join(folder.path, "cert.pem"), join(folder.path, "key.pem")] as const;
  await createCertificate(...paths);
  const [cert, key] = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  const server = createServer({ cert, key }, (_, response) => response.end("trusted\n"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://localhost:${port}/`,
    certificate: cert ?? "",
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Asks a server as Python's requests and curl do: the file that a variable names is all that counts. */
const ask = (url: string, variable: string): string =>
  `python3 -c 'import os, ssl, urllib.request as r; print(r.urlopen("${url}", context=ssl.create_default_context(cafile=os.environ["${variable}"])).read().decode())'`;

test("whom the machine trusts, and whom an earlier command told the image to trust", async () => {
  await using machine = await startServer();
  await using image = await startServer();
  const commands = [
    "mkdir -p /etc/ssl/certs && cat /src/image.pem >> /etc/ssl/certs/ca-certificates.crt",
    [ask(machine.url, "REQUESTS_CA_BUNDLE"), ask(image.url, "CURL_CA_BUNDLE")].join(" && "),
  ];
  await using project = await createProject({
    mirror: registry.host,
    definition: debianImage(
      registry.host,
      "certificates",
      'withSourceFolder("./src", "/src")',
      `withCommands(${commands.map((command) => JSON.stringify(command)).join(", ")})`,
    ),
    files: { "src/image.pem": image.certificate, "../machine.pem": machine.certificate },
  });
  const env = { SSL_CERT_FILE: join(project.folder, "../machine.pem") };
  const { code, events, stderr } = await tryBuild(project, [], { env });
  expect(code, stderr).toBe(0);
  const lines = executed(events).flatMap(({ output }) => output.map(({ text }) => text));
  expect(lines).toEqual(["trusted", "trusted"]);
});
