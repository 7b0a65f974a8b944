import { expect, test } from "vitest";
import { baseVariables, imageEnv } from "./image-env.ts";

test("the venv comes first on PATH and the drivers' folders last", () => {
  expect(baseVariables(["PATH=/usr/bin:/bin"], "/opt/venv")).toEqual({
    PATH: "/opt/venv/bin:/usr/bin:/bin:/usr/local/nvidia/bin:/usr/local/cuda/bin",
    VIRTUAL_ENV: "/opt/venv",
    LD_LIBRARY_PATH: "/usr/local/nvidia/lib64",
  });
});

test("an image built on an image of ours has nothing twice", () => {
  const first = baseVariables([], "/opt/venv");
  const lines = Object.entries(first).map(([name, value]) => `${name}=${value}`);
  expect(baseVariables(lines, "/opt/venv")).toEqual(first);
});

test("the base's own values stay, and an image without packages has no venv", () => {
  const lines = ["LANG=C.UTF-8", "EMPTY=", "WITH=a=b", "LD_LIBRARY_PATH=/opt/lib"];
  expect(baseVariables(lines, undefined)).toEqual({
    LANG: "C.UTF-8",
    EMPTY: "",
    WITH: "a=b",
    LD_LIBRARY_PATH: "/opt/lib",
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/nvidia/bin:/usr/local/cuda/bin",
  });
});

test("the definition wins, except over the image's own name", () => {
  const below = { LANG: "C.UTF-8", A: "1" };
  const definition = { LANG: "de_DE.UTF-8", _F_IMG_ID: "another" };
  expect(imageEnv({ below, definition, uri: "x:1" })).toEqual({
    LANG: "de_DE.UTF-8",
    A: "1",
    _F_IMG_ID: "x:1",
  });
});
