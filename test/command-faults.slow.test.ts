import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { startRegistry } from "../packages/lamella/testing/docker-registry.ts";
import { startRegistryProxy } from "../packages/lamella/testing/registry-proxy.ts";
import { mountSmallDisk } from "../packages/lamella/testing/small-disk.ts";
import {
  type Answer,
  breakOff,
  drop,
  first,
  isUpload,
  reset,
  says,
  slow,
  where,
} from "./faulty-answers.ts";
import { freshProjects } from "./fresh-projects.ts";
import { leftoversOf } from "./leftovers.ts";
import { build, type Project, tryBuild } from "./project.ts";
import { TagCheck } from "./tag-check.ts";
import { executed } from "./tasks.ts";

// What a build depends on fails while it executes commands: it ends right, or with one error, and then the next one does
// what is left to do.

interface Disturbances {
  readonly registry?: Answer;
  readonly index?: Answer;
}

interface Disturbed extends AsyncDisposable {
  readonly project: Project;
  readonly tags: TagCheck;
  /** From now on all is well. */
  mend(): void;
}

/** A project whose registry and index do this to requests. */
async function disturbed({ registry, index }: Disturbances): Promise<Disturbed> {
  await using making = new AsyncDisposableStack();
  let isWell = true;
  const unlessWell = (answer: Answer = () => false): Answer => {
    return where(() => !isWell, answer);
  };
  const { host } = making.use(await startRegistry({ log: false }));
  const proxy = making.use(await startRegistryProxy(host, { answer: unlessWell(registry) }));
  const projects = making.use(
    await freshProjects(proxy.host, "disturbed", {
      executes: true,
      index: { answer: unlessWell(index) },
    }),
  );
  const project = making.use(await projects.next());
  isWell = false;
  const made = making.move();
  return {
    project,
    tags: new TagCheck(host, "disturbed"),
    mend: () => {
      isWell = true;
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** Does something a few times. */
function thrice(isMet: (request: IncomingMessage) => boolean, answer: Answer): Answer {
  return where(isMet, first(3, answer));
}

/** Whether we, and not uv, ask for a package. */
function isDownload({ url = "", headers }: IncomingMessage): boolean {
  return url.startsWith("/files/") && headers["user-agent"] === "lamella";
}

describe("a build with commands bears with", () => {
  test.each<[string, Disturbances]>([
    ["a registry that resets connections", { registry: first(4, reset) }],
    ["a registry that answers 500", { registry: first(4, says(500)) }],
    ["a registry that answers 429", { registry: first(4, says(429, { "retry-after": "1" })) }],
    ["a registry that is slow", { registry: slow }],
    ["a registry that drops uploads half-way", { registry: thrice(isUpload, drop) }],
    ["an index that resets connections", { index: thrice(isDownload, reset) }],
    ["an index that answers 500", { index: thrice(isDownload, says(500)) }],
    ["an index that answers 429", { index: thrice(isDownload, says(429, { "retry-after": "1" })) }],
    ["an index that is slow", { index: slow }],
    ["an index that breaks off", { index: thrice(isDownload, breakOff) }],
  ])("%s", async (_, disturbances) => {
    await using place = await disturbed(disturbances);
    const { project, tags } = place;

    const { code, events, stderr } = await tryBuild(project);

    expect(code, stderr).toBe(0);
    expect(executed(events).map(({ outcome }) => outcome)).toEqual(["done", "done"]);
    expect(await tags.missing()).toEqual([]);
    expect(tags.whole.size).toBe(1);
    expect(await leftoversOf(project.store)).toEqual([]);
    // It is the very image that is built where all is well.
    const last = events.at(-1);
    const digest = last?.kind === "finished" ? last.result.digest : undefined;
    place.mend();
    const undisturbed = { folder: project.folder, store: `${project.store}-undisturbed` };
    expect(await build(undisturbed, ["--output", "oci:layout"])).toMatchObject({ digest });
  });
});

describe("a build with commands ends with one error, and the next goes on from there, after", () => {
  test.each<[string, Disturbances]>([
    ["a registry that resets each upload", { registry: where(isUpload, reset) }],
    ["a registry that answers 500 to each upload", { registry: where(isUpload, says(500)) }],
    ["a registry that answers 429 to each upload", { registry: where(isUpload, says(429)) }],
    ["a registry that drops each upload half-way", { registry: where(isUpload, drop) }],
    ["an index that resets each download", { index: where(isDownload, reset) }],
    ["an index that answers 500 to each download", { index: where(isDownload, says(500)) }],
    ["an index that answers 429 to each download", { index: where(isDownload, says(429)) }],
    ["an index that breaks off each download", { index: where(isDownload, breakOff) }],
  ])("%s", async (_, disturbances) => {
    await using place = await disturbed(disturbances);
    const { project, tags } = place;

    const { code, events, stderr } = await tryBuild(project);

    expect(code).toBe(1);
    expect(events.filter(({ kind }) => kind === "failed")).toHaveLength(1);
    // It names who failed.
    expect(stderr.match(/^error: .*127\.0\.0\.1:\d+/gm)).toHaveLength(1);
    expect(stderr.match(/^error: /gm)).toHaveLength(1);
    expect(await tags.missing()).toEqual([]);
    expect(tags.whole.size).toBe(0);
    expect(await leftoversOf(project.store)).toEqual([]);

    place.mend();
    const next = await tryBuild(project);
    expect(next.code, next.stderr).toBe(0);
    expect(await tags.missing()).toEqual([]);
    expect(tags.whole.size).toBe(1);
    // Nothing that was done is done again.
    const done = executed(events).filter(({ outcome }) => outcome === "done");
    expect(executed(next.events)).toHaveLength(2 - done.length);
  });
});

/** The one error that a build ends with. */
async function failure(
  place: Pick<Project, "folder" | "store">,
  options: readonly string[] = [],
): Promise<{ readonly message: string; readonly hint?: string }> {
  const { code, events } = await tryBuild(place, options);
  expect(code).toBe(1);
  const [failed, ...more] = events.filter((event) => event.kind === "failed");
  expect(more).toEqual([]);
  if (!failed) throw new Error("The build has not said why it failed.");
  return failed;
}

describe("a command", () => {
  // What it starts is in a session of its own, and has lost its parent.
  const daemon = "setsid sh -c '(sleep 1014 &)' > /dev/null 2>&1";

  test.each([
    [
      "takes too long",
      `${daemon}; sleep 1014`,
      ["--step-timeout", "1s"],
      /still running after 1 s/,
    ],
    [
      "takes too much memory",
      `${daemon}; dd if=/dev/zero of=/dev/null bs=200M count=1`,
      ["--step-memory", "50MiB"],
      /ran out of memory of the 50 MiB/,
    ],
    ["fails", `${daemon}; exit 3`, [], /exit code 3/],
  ] as const)("that %s leaves nothing, and the next build goes on from there", async (...args) => {
    const [, command, options, error] = args;
    await using place = await disturbed({});
    const { project, tags } = place;
    await project.write("commands.json", JSON.stringify(["echo x > /x", command]));

    const failed = await failure(project, options);

    expect(failed.message).toMatch(error);
    expect(await leftoversOf(project.store)).toEqual([]);
    await project.write("commands.json", JSON.stringify(["echo x > /x", "echo y > /y"]));
    const { code, events, stderr } = await tryBuild(project);
    expect(code, stderr).toBe(0);
    expect(executed(events).map(({ name }) => name)).toEqual(["echo y > /y"]);
    expect(await tags.missing()).toEqual([]);
  });

  // For the base, for what it unpacks to, for what the command writes, and for its layer.
  test.each([2, 5, 8, 25, 60])(
    "for which %i MiB of disk are not enough leaves nothing, and the next build goes on from there",
    async (size) => {
      await using place = await disturbed({});
      const { folder } = place.project;
      await using disk = await mountSmallDisk(`${size}m`);
      const store = `${disk.path}/store`;
      const large = "dd if=/dev/urandom of=/large bs=1M count=35";
      await place.project.write("commands.json", JSON.stringify(["echo x > /x", large]));

      const { message, hint } = await failure({ folder, store });

      expect(message).toMatch(/no space (was )?left/i);
      expect(message).toContain(disk.path);
      expect(hint).toContain("LAMELLA_HOME");
      expect(await leftoversOf(store)).toEqual([]);
      await disk.remount("size=200m");
      const { code, events, stderr } = await tryBuild({ folder, store });
      expect(code, stderr).toBe(0);
      expect(executed(events).map(({ name }) => name)).toContain(large);
      expect(await place.tags.missing()).toEqual([]);
      expect(await leftoversOf(store)).toEqual([]);
    },
  );
});
