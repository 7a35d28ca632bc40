/* SPDX-License-Identifier: EUPL-1.2 */
/* Expat reads whatever the quick reader leaves to it, and its word is final. One parser serves all
 * events as the children of one document that does not end, so that its tables of names stay warm
 * (a reset an event costs a quarter more); after an error, or MiB of input, it is reset, which
 * bounds what hostile names can pile up in it. Inside a document no document type can be declared,
 * so there are no entities but XML's own five. */
#include <expat.h>
#include <stdlib.h>
#include <sys/random.h>

#include "common/normalise/winxml_inside.h"

#define RESET_BYTES                                                                                \
	(1024u * 1024)           /* the tables of names grow by at most some 20 bytes for each     \
				  */
#define KEEP_BYTES (256u * 1024) /* a parser that has read a larger event is made anew */
#define ROOT       "<events>"

struct expat {
	XML_Parser parser;
	unsigned long salt;
	size_t fed; /* since the last reset */
	bool stale; /* to be reset before the next event */
	struct reading *rd;
	struct slice in;
	const char *base; /* the parser's copy of in */
};

static void XMLCALL on_text(void *arg, const XML_Char *s, int len)
{
	struct expat *x = arg;
	size_t n = (size_t)len, at = (size_t)(s - x->base);

	/* Most text is a piece of in; line ends and references come from elsewhere. */
	if (s >= x->base && at < x->in.n && n <= x->in.n - at)
		reading_text(x->rd, (struct slice){ x->in.p + at, n }, true);
	else
		reading_text(x->rd, (struct slice){ s, n }, false);
}

static void XMLCALL on_start(void *arg, const XML_Char *element, const XML_Char **atts)
{
	struct expat *x = arg;
	struct attribute a[WINXML_ATTRIBUTES_MAX];
	unsigned n = 0;

	for (; atts[2 * n] != NULL && n < WINXML_ATTRIBUTES_MAX; n++)
		a[n] = (struct attribute){ slice_str(atts[2 * n]),
					   arena_copy(x->rd->ev->mem, slice_str(atts[2 * n + 1])) };
	if (!reading_start(x->rd, slice_str(element), a, n + (atts[2 * n] != NULL)))
		XML_StopParser(x->parser, XML_FALSE);
}

static void XMLCALL on_end(void *arg, const XML_Char *element)
{
	struct expat *x = arg;

	if (!reading_end(x->rd))
		XML_StopParser(x->parser, XML_FALSE);
}

/* A parser that stands inside its document's root. */
static bool reset(struct expat *x)
{
	if (x->parser == NULL)
		x->parser = XML_ParserCreate("UTF-8");
	else
		XML_ParserReset(x->parser, "UTF-8");
	if (x->parser == NULL)
		return false;
	x->fed = 0;
	x->stale = true;
	XML_SetHashSalt(x->parser, x->salt); /* else expat asks the system for one each time */
	if (XML_Parse(x->parser, ROOT, sizeof(ROOT) - 1, XML_FALSE) != XML_STATUS_OK)
		return false;
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, on_start, on_end);
	XML_SetCharacterDataHandler(x->parser, on_text);
	x->stale = false;
	return true;
}

struct expat *expat_new(void)
{
	struct expat *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	if (getrandom(&x->salt, sizeof(x->salt), 0) != (ssize_t)sizeof(x->salt) || x->salt == 0)
		x->salt = (unsigned long)(uintptr_t)x; /* ASLR's bits; 0 would mean "none" */
	x->stale = true;
	return x;
}

void expat_free(struct expat *x)
{
	if (x == NULL)
		return;
	if (x->parser != NULL)
		XML_ParserFree(x->parser);
	free(x);
}

static bool feed(struct expat *x)
{
	void *p = XML_GetBuffer(x->parser, (int)x->in.n);

	if (p == NULL)
		return false;
	memcpy(p, x->in.p, x->in.n);
	x->base = p;
	x->fed += x->in.n;
	return XML_ParseBuffer(x->parser, (int)x->in.n, XML_FALSE) == XML_STATUS_OK;
}

static void explain(struct expat *x, XML_Index from, struct err *err)
{
	enum XML_Error code = XML_GetErrorCode(x->parser);
	XML_Index at = XML_GetCurrentByteIndex(x->parser) - from;

	if (x->rd->why != NULL)
		err_set(err, x->rd->full ? ERR_FULL : ERR_SYNTAX, "Windows event XML: %s",
			x->rd->why);
	else if (code == XML_ERROR_NO_MEMORY || x->rd->joined.failed)
		err_nomem(err);
	else if (code != XML_ERROR_NONE)
		err_set(err, ERR_SYNTAX, "Windows event XML: %s at byte %ld", XML_ErrorString(code),
			(long)at + 1);
	else
		err_set(err, ERR_SYNTAX, "Windows event XML: it ends before the event does");
}

/* A parser that is not where it should be, or holds much, does not serve the next event. */
static void settle(struct expat *x, bool good)
{
	x->stale = !good || x->fed > RESET_BYTES;
	if (x->in.n > KEEP_BYTES) {
		XML_ParserFree(x->parser);
		x->parser = NULL;
		x->stale = true;
	}
}

bool expat_read(struct expat *x, struct reading *rd, struct slice in, struct err *err)
{
	XML_Index from;
	bool good;

	if (x->stale && !reset(x)) {
		err_nomem(err);
		return false;
	}
	x->rd = rd;
	x->in = in;
	from = XML_GetCurrentByteIndex(x->parser) + XML_GetCurrentByteCount(x->parser);
	good = feed(x) && rd->done && !rd->joined.failed;
	if (!good)
		explain(x, from, err);
	settle(x, good);
	return good;
}
