import { expect, test } from "vitest";
import { parseSecret } from "./secret-option.ts";

test("a secret is a file or a variable, by its key", () => {
  expect(parseSecret("id=token,src=./a,b=c")).toEqual({ id: "token", src: "./a,b=c" });
  expect(parseSecret("id=acme/token,env=TOKEN")).toEqual({ id: "acme/token", env: "TOKEN" });
});

test.each(["token", "id=token", "id=,src=a", "id=a,src=", "id=a,value=b", "src=a"])(
  "%s is refused without being repeated: it may be the value itself",
  (text) => {
    expect(() => parseSecret(text)).toThrow(
      /^It takes id=KEY,src=FILE or id=KEY,env=NAME\. A value itself/,
    );
  },
);
