/*
 * Asks a program and takes the time, with as little work of its own as can be.
 *
 * client socket PATH | pipe COMMAND… | terminal COMMAND…
 *
 * Commands on standard input, one a line; each is answered by one line, and none may take longer than two minutes:
 *   first REQUEST        nanoseconds from the start of the program to its first answer, and that
 *   turns FILE SAMPLES   asks what stands in FILE, a request a line, one after the other's answer
 *   flood FILE ANSWERS   asks it all at once
 * At the end of input the way is closed, and the program waited for.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "client.h"

#define COMMAND_SECONDS 120
#define END_SECONDS 10

uint64_t nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

void give_up(const char *what)
{
	perror(what);
	_exit(1);
}

static struct way open_way(const char *kind, char **rest)
{
	if (strcmp(kind, "socket") == 0)
		return open_socket(rest[0]);
	return strcmp(kind, "pipe") == 0 ? open_pipes(rest) : open_terminal(rest);
}

static struct requests read_requests(const char *path)
{
	struct requests requests = { 0 };
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		give_up(path);
	requests.bytes = malloc(status.st_size);
	requests.size = status.st_size;
	if (read(fd, requests.bytes, requests.size) != status.st_size)
		give_up(path);
	close(fd);
	for (size_t at = 0; at < requests.size; at++)
		requests.count += requests.bytes[at] == '\n';
	return requests;
}

static void perform(struct way way, char *command)
{
	char path[512], output[512];
	if (strncmp(command, "first ", 6) == 0) {
		answer_first(way, command + 6);
	} else if (sscanf(command, "%*s %511s %511s", path, output) == 2) {
		struct requests requests = read_requests(path);
		(command[0] == 't' ? ask_in_turn : ask_at_once)(way, requests, output);
		free(requests.bytes);
	} else {
		give_up(command);
	}
	fflush(stdout);
}

int main(int count, char **arguments)
{
	char command[2048];
	if (count < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	struct way way = open_way(arguments[1], arguments + 2);
	while (fgets(command, sizeof command, stdin)) {
		alarm(COMMAND_SECONDS);
		perform(way, command);
		alarm(0);
	}
	close(way.to);
	close(way.from);
	alarm(END_SECONDS);
	if (way.program)
		waitpid(way.program, 0, 0);
	return 0;
}
