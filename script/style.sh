# Bold and dim text for terminals, as the command itself has it; to be sourced. The first argument is the stream it goes to.

# bold FD TEXT
bold() { styled "$1" 1 "$2"; }
# dim FD TEXT
dim() { styled "$1" 2 "$2"; }

styled() {
  if [[ -t $1 && -z ${NO_COLOR-} && ${TERM-dumb} != dumb ]]; then
    printf '\033[%sm%s\033[0m' "$2" "$3" >&"$1"
  else
    printf '%s' "$3" >&"$1"
  fi
}
