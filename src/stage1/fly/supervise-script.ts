/**
 * The supervisor of an app, for the host's perl: starts it in its root, passes signals on, waits, writes down how it
 * ended, ends the same way. Perl because every Debian has it, because it waits in a few megabytes, and because no shell
 * can change root, user and groups before it starts a program. No module is loaded: POSIX alone would take longer than
 * everything else together.
 * Arguments: root, working directory, uid, gid, other gids (commas), file for the exit code, numbers of prctl(2) and
 * close_range(2), "1" when the terminal signals the app itself, program, then the app's arguments from argv[0] on.
 */
export const SUPERVISE_SCRIPT = String.raw`
my ($root, $dir, $uid, $gid, $groups, $status, $prctl, $close_range, $tty, $program, @argv) = @ARGV;
my @passed = (qw(TERM HUP USR1 USR2 CONT), $tty ? () : qw(INT QUIT));
my ($app, $early);
for my $name (@passed) { $SIG{$name} = sub { if ($app) { kill $name, $app } else { $early = $name } } }
if ($tty) { $SIG{INT} = $SIG{QUIT} = 'IGNORE' }
$app = fork;
die "fork: $!\n" unless defined $app;
if ($app == 0) {
  $SIG{$_} = 'DEFAULT' for @passed, 'INT', 'QUIT';
  chroot $root or die "chroot: $!\n";
  chdir $dir or die "working directory $dir: $!\n";
  $) = join ' ', $gid, $gid, split /,/, $groups;
  $( = $gid;
  ($<, $>) = ($uid, $uid) if $uid;
  die "setuid: $!\n" if $< != $uid || $> != $uid;
  syscall $prctl + 0, 1, 9, 0, 0, 0;
  exit 137 if getppid == 1;
  syscall $close_range + 0, 3, 0x7fffffff, 0;
  exec { $program } @argv or warn "$program: $!\n";
  exit 127;
}
open my $pid, '>', "$status.pid" or die "pid: $!\n"; print $pid "$app\n"; close $pid;
kill $early, $app if $early;
open STDIN, '<', '/dev/null'; open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null';
waitpid $app, 0;
my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
open my $out, '>', "$status.new"; print $out "$code\n"; close $out;
rename "$status.new", $status;
eval { local $SIG{ALRM} = sub { die }; alarm 2; 1 while waitpid(-1, 0) != -1; alarm 0 };
exit $code;
`;
