/** A shell command and what is hard about the layer that it leaves. */
export interface NastyCommand {
  readonly about: string;
  readonly script: string;
}

const python = (program: string): string => `python3 -I -S -B -c '${program}'`;

/**
 * Commands for Debian with Python, each on what the ones before it left. What they write depends on nothing but
 * SOURCE_DATE_EPOCH.
 */
export const nastyCommands: readonly NastyCommand[] = [
  { about: "nothing", script: "true" },
  {
    about: "modes and owners",
    script: [
      "mkdir /m && cp /bin/true /m/suid && chmod 4755 /m/suid && cp /bin/true /m/sgid && chmod 2711 /m/sgid",
      "mkdir -m 1777 /m/sticky && mkdir -m 2775 /m/sgid.d && chown 1000:44 /m/sgid.d",
      "touch /m/none && chmod 0 /m/none && echo x > /m/huge && chown 3000000000:3000000001 /m/huge",
      "echo x > /m/linked && ln -s linked /m/link && chown -h 12:13 /m/link",
    ].join(" && "),
  },
  {
    about: "modes and owners of what the base has",
    script:
      "chown 5:7 /etc/issue && chmod 4711 /usr/bin/env && chmod 700 /srv && chown -R 9:9 /opt && chmod 755 /tmp",
  },
  {
    about: "hard links, also to what the base has",
    script: [
      "mkdir -p /h/b /h/a && echo linked > /h/b/one && ln /h/b/one /h/a/two && ln /h/b/one /three",
      "ln /etc/issue.net /h/issue && ln /h/b/one /h/zero && chmod 600 /h/zero",
      "ln -s nowhere /h/symlink && ln -P /h/symlink /h/symlink2",
    ].join(" && "),
  },
  {
    about: "a hard link to what an earlier command linked",
    script: "ln /h/a/two /h/four && echo more >> /h/issue && rm /h/zero",
  },
  {
    about: "symbolic links",
    script: [
      'mkdir /s && ln -s /nowhere /s/dangling && ln -s ../../../../etc /s/out && ln -s "" /s/x 2>/dev/null || true',
      `ln -s ${"long/".repeat(60)}name /s/long && ln -s größe /s/unicode && ln -s 'a b
c' /s/newline`,
    ].join("; "),
  },
  {
    about: "names",
    script: [
      `mkdir -p /n/${"d".repeat(255)}/${"e".repeat(200)}/größe/名前 && echo x > /n/${"d".repeat(255)}/${"e".repeat(200)}/größe/名前/x`,
      `cd /n && touch -- -rf ' ' '"' '\\' '*' '$(id)' .hidden "$(printf 'new\\nline')" "$(printf '\\001')" trailing. ...`,
    ].join(" && "),
  },
  {
    about: "folders that many a command clears in the end",
    script: "rm -rf /run/* /tmp/* /var/tmp/* /var/cache/* && touch /run/after",
  },
  {
    about: "removed files and directories of the base",
    script: "rm /etc/issue.net && rm -r /usr/share/doc /usr/share/man && rmdir /mnt",
  },
  {
    about: "a directory that is removed and made again, empty",
    script: "rm -r /var/lib/dpkg/info && mkdir /var/lib/dpkg/info",
  },
  {
    about: "a directory that is removed and made again with some of what it had",
    script:
      "cp -r /etc/apt /apt && rm -r /etc/apt && mkdir -p /etc/apt/apt.conf.d && echo new > /etc/apt/new && mv /apt/sources.list* /etc/apt/ && rm -r /apt",
  },
  {
    about: "a directory that an earlier command made, removed and made again",
    script:
      "rm -r /h && mkdir -p /h/a && echo other > /h/a/two && rm -r /m/sticky && echo x > /m/sticky",
  },
  {
    about: "files in the place of directories, and the other way round",
    script: [
      "rm -r /usr/share/bash-completion 2>/dev/null; rm -r /usr/share/lintian && echo file > /usr/share/lintian",
      "rm /etc/debian_version && mkdir -p /etc/debian_version/sub && echo x > /etc/debian_version/sub/x",
      "rm -r /usr/share/menu 2>/dev/null; rm -r /media && ln -s /srv /media && rm /var/lock && mkdir /var/lock && echo x > /var/lock/x",
    ].join("; "),
  },
  {
    about: "moved directories",
    script:
      "mv /usr/share/zoneinfo /zone 2>/dev/null; mv /usr/share/perl5 /perl5 && mv /n /n2 && mkdir /n && mv /s /n/s",
  },
  {
    about: "a directory moved and a link left",
    script: "mv /home /home2 && ln -s home2 /home && echo x > /home/x && rm -r /root/.bashrc",
  },
  {
    about: "a file that comes and goes",
    script:
      "echo x > /tmp/x && rm /tmp/x && mkdir -p /tmp/d/e && rm -r /tmp/d && touch /etc/hostname2 && mv /etc/hostname2 /etc/hostname3",
  },
  {
    about: "files that are written anew as they were",
    script:
      "cp -p /etc/passwd /p && cat /p > /etc/passwd && rm /p && touch /etc/group && chmod 644 /etc/shells",
  },
  {
    about: "capabilities",
    script: python(
      'import os; open("/cap", "w").write("x"); os.setxattr("/cap", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000")); os.link("/cap", "/cap2")',
    ),
  },
  {
    about: "a capability that goes, and one on a file of the base",
    script: python(
      'import os; os.removexattr("/cap", "security.capability"); os.setxattr("/usr/bin/id", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))',
    ),
  },
  {
    about: "pipes, devices and sockets",
    script: `mkdir /dev2 && mkfifo -m 640 /dev2/pipe && mknod -m 666 /dev2/null c 1 3 && mknod /dev2/loop b 7 300 && ${python('import socket; socket.socket(socket.AF_UNIX).bind("/dev2/socket")')}`,
  },
  {
    about: "sparse files",
    script:
      "mkdir /sparse && truncate -s 30M /sparse/empty && truncate -s 20M /sparse/end && echo end >> /sparse/end && : > /sparse/zero",
  },
  {
    about: "times",
    script:
      "mkdir /t && touch -d 1970-01-01T00:00:00Z /t/epoch && touch -d 1901-01-01 /t/before && touch -d 2222-02-02T02:02:02.222Z /t/later",
  },
  {
    about: "what is not the image's",
    script:
      "echo 1.2.3.4 x >> /etc/hosts; echo nameserver 1.2.3.4 >> /etc/resolv.conf; echo x > /dev/shm/x; echo x > /dev/x; mkdir /dev/y; chmod 700 /proc /sys /dev 2>/dev/null; true",
  },
  {
    about: "accounts",
    script:
      "groupadd -g 1500 ada && useradd -m -u 1500 -g ada -s /bin/bash -K LASTLOG_UID_MAX=1 ada && sed -i 's/^ada:!:[0-9]*:/ada:!:1:/' /etc/shadow && rm -f /etc/*-",
  },
  {
    about: "the root",
    script: "chmod 711 / && chown 0:7 /",
  },
  {
    about: "processes that stay",
    script: "(setsid sh -c 'sleep 600; echo late > /late' >/dev/null 2>&1 &) ; echo x > /stayed",
  },
];
