/**
 * The text of `bin/activate`, for people who open a shell in a container: `. /opt/venv/bin/activate`. It works in any POSIX
 * shell, and `deactivate` undoes it.
 */
export function activateScript(prefix: string): string {
  const quoted = `'${prefix.replaceAll("'", `'\\''`)}'`;
  return `# Source this file: . ${prefix}/bin/activate
deactivate() {
  if [ -n "\${_VENV_OLD_PATH+set}" ]; then
    PATH=$_VENV_OLD_PATH
    export PATH
    unset _VENV_OLD_PATH
  fi
  if [ -n "\${_VENV_OLD_PS1+set}" ]; then
    PS1=$_VENV_OLD_PS1
    unset _VENV_OLD_PS1
  fi
  unset VIRTUAL_ENV
  hash -r 2>/dev/null
  if [ "\${1-}" != keep ]; then
    unset -f deactivate
  fi
}

deactivate keep
VIRTUAL_ENV=${quoted}
export VIRTUAL_ENV
_VENV_OLD_PATH=$PATH
PATH=$VIRTUAL_ENV/bin:$PATH
export PATH
unset PYTHONHOME
if [ -z "\${VIRTUAL_ENV_DISABLE_PROMPT-}" ]; then
  _VENV_OLD_PS1=\${PS1-}
  PS1="(\${VIRTUAL_ENV##*/}) \${PS1-}"
fi
hash -r 2>/dev/null
`;
}
