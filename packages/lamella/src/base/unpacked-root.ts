/**
 * What is done in a root filesystem whose packages are only unpacked, because this machine cannot run their setup scripts:
 * what those would have written that files, certificates and dpkg depend on. A shell program for `mmdebstrap
 * --extract-hook`, which runs on this machine's own tools and gets the root as `$1`; the packages are still in apt's cache.
 *
 * - The folders of base-files, and the name service switch of libc-bin.
 * - The accounts of base-passwd (`update-passwd`), with passwords locked in a shadow file (`shadowconfig on`).
 * - The bundle of ca-certificates (`update-ca-certificates`).
 * - dpkg's database, with each package "unpacked": where the root later runs (under an emulator, or on a machine of its
 *   kind), `dpkg --configure -a`, or the next `apt-get install`, runs the scripts after all.
 */
export const finishUnpackedRoot: string = `
set -eu
umask 022
root=$1
etc=$root/etc
dpkg=$root/var/lib/dpkg

for folder in mnt srv opt media etc/opt var/opt usr/local; do mkdir -p "$root/$folder"; done
for folder in bin etc games include lib sbin share share/man src; do mkdir -p "$root/usr/local/$folder"; done
ln -sf share/man "$root/usr/local/man"
mkdir -p "$root/run/lock" "$root/var/mail" "$root/var/spool"
chmod 1777 "$root/run/lock"
# Group 8 is mail.
chown 0:8 "$root/var/mail"
chmod 2775 "$root/var/mail"
ln -sf ../mail "$root/var/spool/mail"
cp "$root/usr/share/base-files/profile" "$etc/profile"
cp "$root/usr/share/base-files/dot.profile" "$root/root/.profile"
cp "$root/usr/share/base-files/dot.bashrc" "$root/root/.bashrc"
cp "$root/usr/share/libc-bin/nsswitch.conf" "$etc/nsswitch.conf"

for kind in passwd group; do
  sed 's/^\\([^:]*\\):\\*:/\\1:x:/' "$root/usr/share/base-passwd/$kind.master" >"$etc/$kind"
done
# shadow(5): the day of the last change is that of all files.
day=$((SOURCE_DATE_EPOCH / 86400))
sed "s/^\\([^:]*\\):.*/\\1:*:$day:0:99999:7:::/" "$etc/passwd" >"$etc/shadow"
sed 's/^\\([^:]*\\):.*/\\1:*::/' "$etc/group" >"$etc/gshadow"
# Group 42 is shadow.
chown 0:42 "$etc/shadow" "$etc/gshadow"
chmod 640 "$etc/shadow" "$etc/gshadow"

if [ -d "$root/usr/share/ca-certificates/mozilla" ]; then
  mkdir -p "$etc/ssl/certs"
  awk 1 "$root"/usr/share/ca-certificates/mozilla/*.crt >"$etc/ssl/certs/ca-certificates.crt"
fi

# What is there is of the package that says that /usr is merged.
rm -f "$dpkg/status-old"
for package in "$root"/var/cache/apt/archives/*.deb; do
  name=$(dpkg-deb --field "$package" Package)
  # Of such a package two architectures can be there, so the names of its files say which (deb-control(5)).
  if [ "$(dpkg-deb --field "$package" Multi-Arch)" = same ]; then
    name=$name:$(dpkg-deb --field "$package" Architecture)
  fi
  dpkg-deb --control "$package" "$dpkg/parts/control"
  sed '1a Status: install ok unpacked' "$dpkg/parts/control/control" >>"$dpkg/status"
  printf '\\n' >>"$dpkg/status"
  rm "$dpkg/parts/control/control"
  for file in "$dpkg"/parts/control/*; do
    if [ -e "$file" ]; then cp -p "$file" "$dpkg/info/$name.\${file##*/}"; fi
  done
  rm -r "$dpkg/parts/control"
  dpkg-deb --fsys-tarfile "$package" | tar -t | sed 's,^\\./$,/.,; s,^\\.,,; s,/$,,' >"$dpkg/info/$name.list"
done
`;
