# Shared by the entry points of the shell stage1. Needs: util-linux 2.38, coreutils, jq.
PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Field 22 of /proc/PID/stat: with the number it identifies a process for good.
ticks() { sed 's/.*) //' "/proc/$1/stat" | cut -d ' ' -f 20; }

# The oldest child of a process.
first_child() { cut -d ' ' -f 1 "/proc/$1/task/$1/children" | grep .; }

# Written whole or not at all.
record() { printf '%s\n' "$2" > "$1.new" && mv "$1.new" "$1"; }

# The process a pid file names, if it is still that one.
alive() {
  [ -e "$1" ] && read -r pid started < "$1" && [ "$(ticks "$pid" 2> /dev/null)" = "$started" ] && echo "$pid"
}

# FIELD of app $1 as JSON, raw.
app() { jq -r --arg app "$1" ".apps[] | select(.name == \$app) | $2" pod.json; }

# Lines of "--bounding-set" for setpriv: nothing but the app's capabilities.
bounding() { app "$1" '["-all"] + [.capabilities[] | "+" + ascii_downcase] | join(",")'; }

# What takes rights away, then goes into the app's root and becomes its program. Arguments: app, uid, gid, groups, cwd;
# the environment (NAME=value) and then the program are appended by the caller.
confine() {
  printf '%s\n' setpriv "--regid=$3" "--groups=$4" "--bounding-set=$(bounding "$1")" --inh-caps=-all
  [ "$(app "$1" .noNewPrivileges)" = true ] && echo --no-new-privs
  printf '%s\n' -- env -i
}
