/* The three ways of asking: once, until there is an answer; in turn; all at once. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>
#include "client.h"

#define FIRST_PATIENCE_MS 2
#define QUIET_MS 300

static void write_whole(int fd, const char *bytes, size_t length)
{
	if (write(fd, bytes, length) != (ssize_t)length)
		give_up("write");
}

/* By select(2), as lpty does: on a terminal, xtokend answers only who is seen to wait that way. Without end if negative. */
static int is_readable_within(int fd, int milliseconds)
{
	struct timeval time = { .tv_sec = 0, .tv_usec = milliseconds * 1000 };
	fd_set waiting;
	FD_ZERO(&waiting);
	FD_SET(fd, &waiting);
	return select(fd + 1, &waiting, NULL, NULL, milliseconds < 0 ? NULL : &time) > 0;
}

/* Reads up to the newline, which is where an answer ends. */
static char read_answer(int fd)
{
	char answer[4];
	size_t length = 0;
	do {
		is_readable_within(fd, -1);
		ssize_t got = read(fd, answer + length, sizeof answer - length);
		if (got <= 0)
			give_up("read an answer");
		length += got;
	} while (answer[length - 1] != '\n' && length < sizeof answer);
	return length == 2 ? answer[0] : '?';
}

/*
 * A terminal throws away what was written before it was set up, so the request is repeated there; the time is that of
 * the first answer since the start. All that was written until then can be one refused request, so the request is asked once
 * more.
 */
void answer_first(struct way way, const char *request)
{
	char answer[65536];
	int repeats = way.to == way.from;
	do
		write_whole(way.to, request, strlen(request));
	while (!is_readable_within(way.from, repeats ? FIRST_PATIENCE_MS : -1));
	if (read(way.from, answer, sizeof answer) < 2)
		give_up("read the first answer");
	uint64_t elapsed = nanoseconds() - way.started_at;
	char verdict = answer[0];
	while (is_readable_within(way.from, repeats ? QUIET_MS : 0))
		if (read(way.from, answer, sizeof answer) <= 0)
			give_up("read");
	if (repeats) {
		write_whole(way.to, request, strlen(request));
		verdict = read_answer(way.from);
	}
	printf("%llu %c\n", (unsigned long long)elapsed, verdict);
}

/* Writes the nanoseconds of each request into a file, as 32-bit numbers; prints how many were answered 1, 0 and otherwise. */
void ask_in_turn(struct way way, struct requests requests, const char *samples_path)
{
	uint32_t *samples = calloc(requests.count, sizeof *samples);
	size_t accepted = 0, refused = 0, number = 0;
	char *end = requests.bytes + requests.size;
	for (char *line = requests.bytes, *next; line < end; line = next) {
		next = (char *)memchr(line, '\n', end - line) + 1;
		uint64_t before = nanoseconds();
		write_whole(way.to, line, next - line);
		char verdict = read_answer(way.from);
		samples[number++] = nanoseconds() - before;
		accepted += verdict == '1';
		refused += verdict == '0';
	}
	FILE *file = fopen(samples_path, "w");
	if (!file || fwrite(samples, sizeof *samples, number, file) != number || fclose(file) != 0)
		give_up(samples_path);
	free(samples);
	printf("%zu %zu %zu\n", accepted, refused, number - accepted - refused);
}

static ssize_t or_nothing_yet(ssize_t done, const char *what)
{
	if (done < 0 && errno == EAGAIN)
		return 0;
	if (done <= 0)
		give_up(what);
	return done;
}

/* Writes as fast as is read, and reads meanwhile. The answers go into a file; prints the nanoseconds of it all. */
void ask_at_once(struct way way, struct requests requests, const char *answers_path)
{
	size_t expected = 2 * requests.count, sent = 0, received = 0;
	char *answers = malloc(expected + 1);
	fcntl(way.to, F_SETFL, O_NONBLOCK);
	fcntl(way.from, F_SETFL, O_NONBLOCK);
	uint64_t before = nanoseconds();
	while (received < expected) {
		struct pollfd waiting[2] = { { way.from, POLLIN, 0 }, { way.to, POLLOUT, 0 } };
		poll(waiting, sent < requests.size ? 2 : 1, -1);
		if (waiting[0].revents)
			received += or_nothing_yet(read(way.from, answers + received, expected + 1 - received), "read");
		if (sent < requests.size && waiting[1].revents)
			sent += or_nothing_yet(write(way.to, requests.bytes + sent, requests.size - sent), "write");
	}
	uint64_t elapsed = nanoseconds() - before;
	fcntl(way.to, F_SETFL, 0);
	fcntl(way.from, F_SETFL, 0);
	FILE *file = fopen(answers_path, "w");
	if (!file || fwrite(answers, 1, received, file) != received || fclose(file) != 0)
		give_up(answers_path);
	free(answers);
	printf("%llu\n", (unsigned long long)elapsed);
}
