/* SPDX-License-Identifier: EUPL-1.2 */
/* tests/fuzz/replay.c: runs a fuzz target over stored inputs, and over seeded mutations of them.
 * Usage: TARGET DIR [--mutate N SEED]. Prints TAP: one line for the stored inputs, one
 * for the rest. A crash, a hang (alarm) or a sanitizer's report is the failure. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUTS_MAX      1024
#define INPUT_MAX_BYTES (1u << 20)

static struct buf inputs[INPUTS_MAX];
static size_t n_inputs;

/* xorshift64*: small, seeded, the same everywhere. */
static uint64_t next_random(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * UINT64_C(2685821657736338717);
}

static void load(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct err err;
	char path[4096];

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL && n_inputs < INPUTS_MAX) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		if (file_read(path, INPUT_MAX_BYTES, &inputs[n_inputs], &err) == 0)
			n_inputs++;
	}
	closedir(d);
}

/* The input in memory of exactly its size, so that a read past the end is seen. */
static void run(const char *p, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, p, n);
	alarm(20);
	LLVMFuzzerTestOneInput(copy, n);
	alarm(0);
	free(copy);
}

static void mutate(struct buf *b, const struct buf *other, uint64_t *s)
{
	for (unsigned k = 1 + (unsigned)(next_random(s) % 4); k > 0; k--) {
		size_t at = b->n > 0 ? next_random(s) % b->n : 0;

		switch (next_random(s) % 6) {
		case 0:
			if (b->n > 0)
				b->p[at] = (char)next_random(s);
			break;
		case 1:
			if (b->n > 0)
				b->p[at] = (char)(b->p[at] ^ (1 << next_random(s) % 8));
			break;
		case 2:
			b->n = at;
			break;
		case 3:
			buf_put(b, other->p, other->n > 0 ? next_random(s) % other->n : 0);
			break;
		case 4:
			buf_chr(b, "\0\n\r\"\\{}[]<>&%:,=\xff\xe2"[next_random(s) % 18]);
			break;
		default:
			if (b->n > 0) {
				size_t n = next_random(s) % (b->n - at);

				memmove(b->p + at, b->p + at + n, b->n - at - n);
				b->n -= n;
			}
		}
	}
}

int main(int argc, char **argv)
{
	struct buf b = { 0 };
	unsigned long n = 0;
	uint64_t seed = 1;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--mutate") == 0 && i + 2 < argc) {
			n = strtoul(argv[i + 1], NULL, 10);
			seed = strtoull(argv[i + 2], NULL, 10) | 1;
			i += 2;
		} else {
			load(argv[i]);
		}
	}
	printf("1..2\n");
	for (size_t i = 0; i < n_inputs; i++)
		run(inputs[i].p, inputs[i].n);
	printf("%s 1 - %zu stored inputs\n", n_inputs > 0 ? "ok" : "not ok", n_inputs);
	fflush(stdout);
	for (unsigned long i = 0; i < n && n_inputs > 0; i++) {
		const struct buf *from = &inputs[next_random(&seed) % n_inputs];

		buf_reset(&b);
		buf_put(&b, from->p, from->n);
		mutate(&b, &inputs[next_random(&seed) % n_inputs], &seed);
		run(b.p, b.n);
	}
	printf("ok 2 - %lu mutations\n", n);
	buf_release(&b);
	for (size_t i = 0; i < n_inputs; i++)
		buf_release(&inputs[i]);
	return 0;
}
