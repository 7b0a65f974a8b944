import { build, check, lock, plan } from "lamella";

/** Images say who owns them, or are not built. */
function labelled(image) {
  const owner = process.env.ACME_OWNER;
  if (!owner) throw new Error("ACME_OWNER is not set: say which team owns the image.");
  return image.withLabels({ "com.acme.owner": owner });
}

/** Lamella's own builder does the work. */
function locally(options) {
  return { ...options, builder: "local" };
}

/** @type {import("lamella").Plugin} */
const plugin = {
  name: "acme",

  // For tasks that name no image; undefined leaves it to the environment and to what is published.
  defaultImage: () => process.env.ACME_DEFAULT_IMAGE,

  // For builds with `image: { builder: acme }` in the configuration, or `--builder acme`.
  builder: {
    name: "acme",
    build: (image, options) => build(labelled(image), locally(options)),
    plan: (image, options) => plan(labelled(image), locally(options)),
    check: (image, options) => check(labelled(image), locally(options)),
    lock: (image, options) => lock(labelled(image), locally(options)),
  },
};

export default plugin;
