/*
 * Sends requests to a program and measures the time until it answers, with little work of its own.
 *
 * client socket PATH | pipe COMMAND… | terminal COMMAND…
 *
 * Reads commands from standard input, one a line. Answers each with one line, within two minutes:
 *   first REQUEST    nanoseconds from the start of the program to its first answer, and that answer
 *   sequential FILE SAMPLES BYTES LINES    sends each line of FILE after the answer to the previous one
 *   pipelined FILE ANSWERS BYTES LINES     sends all lines of FILE without waiting for answers
 * At end of input, closes the connection and waits for the program.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMAND_SECONDS 120
#define END_SECONDS 10
#define RETRY_MS 2
#define QUIET_MS 300

/* The connection to the program: the same descriptor twice, except for pipes. */
static int to, from;
static pid_t program;
static uint64_t started_at;

static uint64_t nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	_exit(1);
}

static void open_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	to = from = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(to, (struct sockaddr *)&address, sizeof address) < 0)
		fail("connect");
}

static void open_pipes(char **command)
{
	int requests[2], answers[2];
	if (pipe2(requests, O_CLOEXEC) < 0 || pipe2(answers, O_CLOEXEC) < 0)
		fail("pipe2");
	if ((program = fork()) == 0) {
		dup2(requests[0], 0);
		dup2(answers[1], 1);
		execvp(command[0], command);
		fail(command[0]);
	}
	close(requests[0]);
	close(answers[1]);
	to = requests[1];
	from = answers[0];
}

/* Raw mode, as lpty and the supervisor set it. */
static void open_terminal(char **command)
{
	struct termios settings = { .c_cflag = CREAD | B38400 };
	cfmakeraw(&settings);
	if ((program = forkpty(&to, NULL, &settings, NULL)) < 0)
		fail("forkpty");
	if (program == 0) {
		execvp(command[0], command);
		fail(command[0]);
	}
	from = to;
}

static void write_whole(const char *bytes, size_t length)
{
	if (write(to, bytes, length) != (ssize_t)length)
		fail("write");
}

/* Waits in select(2), as lpty does: on a terminal, xtokend answers only a reader that it sees waiting. -1: no limit. */
static int is_readable_within(int milliseconds)
{
	struct timeval time = { .tv_sec = 0, .tv_usec = milliseconds * 1000 };
	fd_set waiting;
	FD_ZERO(&waiting);
	FD_SET(from, &waiting);
	return select(from + 1, &waiting, NULL, NULL, milliseconds < 0 ? NULL : &time) > 0;
}

static char read_answer(void)
{
	char answer[4];
	size_t length = 0;
	do {
		is_readable_within(-1);
		ssize_t got = read(from, answer + length, sizeof answer - length);
		if (got <= 0)
			fail("read an answer");
		length += got;
	} while (answer[length - 1] != '\n' && length < sizeof answer);
	return length == 2 ? answer[0] : '?';
}

/*
 * Repeats the request until an answer comes, because a terminal discards what is written before its setup. That first
 * answer can be a refusal of all that was written until then, so one more request yields the outcome.
 */
static void measure_first(const char *request)
{
	char answers[65536];
	int repeats = to == from;
	do
		write_whole(request, strlen(request));
	while (!is_readable_within(repeats ? RETRY_MS : -1));
	if (read(from, answers, sizeof answers) < 2)
		fail("read the first answer");
	uint64_t elapsed = nanoseconds() - started_at;
	char outcome = answers[0];
	while (is_readable_within(repeats ? QUIET_MS : 0))
		if (read(from, answers, sizeof answers) <= 0)
			fail("read");
	if (repeats) {
		write_whole(request, strlen(request));
		outcome = read_answer();
	}
	printf("%llu %c\n", (unsigned long long)elapsed, outcome);
}

static char *read_file(const char *path, size_t size)
{
	char *bytes = malloc(size);
	FILE *file = fopen(path, "r");
	if (!file || fread(bytes, 1, size, file) != size)
		fail(path);
	fclose(file);
	return bytes;
}

static void write_file(const char *path, void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");
	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
		fail(path);
	free(bytes);
}

/* Writes the nanoseconds of each request as 32-bit numbers; prints how many answers were 1, 0 and anything else. */
static void send_sequentially(char *requests, size_t size, size_t count, const char *samples_path)
{
	uint32_t *samples = calloc(count, sizeof *samples);
	size_t accepted = 0, refused = 0, number = 0;
	for (char *line = requests, *next; line < requests + size; line = next) {
		next = (char *)memchr(line, '\n', requests + size - line) + 1;
		uint64_t before = nanoseconds();
		write_whole(line, next - line);
		char outcome = read_answer();
		samples[number++] = nanoseconds() - before;
		accepted += outcome == '1';
		refused += outcome == '0';
	}
	write_file(samples_path, samples, number * sizeof *samples);
	printf("%zu %zu %zu\n", accepted, refused, number - accepted - refused);
}

static size_t or_zero(ssize_t done)
{
	if (done <= 0 && errno != EAGAIN)
		fail("read or write");
	return done > 0 ? done : 0;
}

/* Writes the answers into a file; prints the nanoseconds from the first request to the last answer. */
static void send_pipelined(char *requests, size_t size, size_t count, const char *answers_path)
{
	size_t expected = 2 * count, sent = 0, received = 0;
	char *answers = malloc(expected + 1);
	fcntl(to, F_SETFL, O_NONBLOCK);
	fcntl(from, F_SETFL, O_NONBLOCK);
	uint64_t before = nanoseconds();
	while (received < expected) {
		struct pollfd waiting[2] = { { from, POLLIN, 0 }, { to, POLLOUT, 0 } };
		poll(waiting, sent < size ? 2 : 1, -1);
		if (waiting[0].revents)
			received += or_zero(read(from, answers + received, expected + 1 - received));
		if (sent < size && waiting[1].revents)
			sent += or_zero(write(to, requests + sent, size - sent));
	}
	printf("%llu\n", (unsigned long long)(nanoseconds() - before));
	fcntl(to, F_SETFL, 0);
	fcntl(from, F_SETFL, 0);
	write_file(answers_path, answers, received);
}

static void perform(char *command)
{
	char path[512], output[512];
	size_t size, count;
	if (strncmp(command, "first ", 6) == 0) {
		measure_first(command + 6);
	} else if (sscanf(command, "%*s %511s %511s %zu %zu", path, output, &size, &count) == 4) {
		char *requests = read_file(path, size);
		(command[0] == 's' ? send_sequentially : send_pipelined)(requests, size, count, output);
		free(requests);
	} else {
		fail(command);
	}
	fflush(stdout);
}

int main(int count, char **arguments)
{
	char command[2048];
	if (count < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	started_at = nanoseconds();
	if (strcmp(arguments[1], "socket") == 0)
		open_socket(arguments[2]);
	else
		(strcmp(arguments[1], "pipe") == 0 ? open_pipes : open_terminal)(arguments + 2);
	while (fgets(command, sizeof command, stdin)) {
		alarm(COMMAND_SECONDS);
		perform(command);
		alarm(0);
	}
	close(to);
	close(from);
	alarm(END_SECONDS);
	return program && waitpid(program, 0, 0) < 0;
}
