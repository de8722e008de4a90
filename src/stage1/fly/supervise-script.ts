/**
 * The supervisor of an app, for the host's perl: starts it in its root, passes signals on, waits, writes down how it
 * ended, ends the same way. Perl because every Debian has it, because it waits in a few megabytes, and because no shell
 * can change root, user and groups before it starts a program.
 * Arguments: root, working directory, uid, gid, other gids (commas), file for the exit code, number of prctl(2), "1" when
 * the terminal signals the app itself, program, then the app's arguments from argv[0] on.
 */
export const SUPERVISE_SCRIPT = String.raw`
use strict; use POSIX ();
my ($root, $dir, $uid, $gid, $groups, $status, $prctl, $tty, $program, @argv) = @ARGV;
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
  POSIX::setuid($uid) or die "setuid: $!\n" if $uid;
  syscall $prctl + 0, 1, 9, 0, 0, 0;
  POSIX::_exit(137) if getppid == 1;
  POSIX::close($_) for 3 .. 63;
  exec { $program } @argv or warn "$program: $!\n";
  POSIX::_exit(127);
}
open my $pid, '>', "$status.pid" or die "pid: $!\n"; print $pid "$app\n"; close $pid;
kill $early, $app if $early;
open STDIN, '<', '/dev/null'; open STDOUT, '>', '/dev/null'; open STDERR, '>', '/dev/null';
my $ended;
do { $ended = waitpid $app, 0 } while $ended == -1 && $!{EINTR};
my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
open my $out, '>', "$status.new"; print $out "$code\n"; close $out;
rename "$status.new", $status;
for (1 .. 400) { last if waitpid(-1, 1) == -1; select undef, undef, undef, 0.005 }
exit $code;
`;
