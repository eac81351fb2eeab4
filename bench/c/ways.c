/* Opens the ways on which a program can be asked: a Unix socket, a pair of pipes, a terminal. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>
#include "client.h"

struct way open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		give_up("connect");
	return (struct way){ .to = fd, .from = fd, .started_at = nanoseconds() };
}

static void become(char **command, int in, int out)
{
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		give_up("dup2");
	execvp(command[0], command);
	give_up(command[0]);
}

struct way open_pipes(char **command)
{
	int requests[2], answers[2];
	uint64_t started_at = nanoseconds();
	if (pipe2(requests, O_CLOEXEC) < 0 || pipe2(answers, O_CLOEXEC) < 0)
		give_up("pipe2");
	pid_t program = fork();
	if (program == 0)
		become(command, requests[0], answers[1]);
	close(requests[0]);
	close(answers[1]);
	return (struct way){ requests[1], answers[0], program, started_at };
}

/* No line mode, no echo, no newline that becomes two bytes: as lpty sets it, and our keeper. */
static void make_raw(int fd)
{
	struct termios settings;
	if (tcgetattr(fd, &settings) < 0)
		give_up("tcgetattr");
	cfmakeraw(&settings);
	tcsetattr(fd, TCSANOW, &settings);
}

struct way open_terminal(char **command)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		give_up("posix_openpt");
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	make_raw(slave);
	uint64_t started_at = nanoseconds();
	pid_t program = fork();
	if (program == 0) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 2);
		become(command, slave, slave);
	}
	close(slave);
	return (struct way){ master, master, program, started_at };
}
