/**
 * The environment in which programs of the system run for us: found where distributions install them, complaining in
 * English, and with nothing of the user's that changes what they do (`TAR_OPTIONS`, `LD_PRELOAD`).
 */
export const systemEnvironment: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};
