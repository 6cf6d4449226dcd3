/* SPDX-License-Identifier: LGPL-2.1-or-later
   What libaugeas calls only when it saves files or prints XML, which grubkd never asks for: without libselinux and
   libxml2 the program needs no library of these. Each fails as it does where there is no memory. */
#include <stdlib.h>

int is_selinux_enabled(void) { return 0; }
int getfilecon(const char *path, char **context) { (void)path, (void)context; return -1; }
int lgetfilecon(const char *path, char **context) { (void)path, (void)context; return -1; }
int fgetfilecon(int fd, char **context) { (void)fd, (void)context; return -1; }
int fsetfilecon(int fd, const char *context) { (void)fd, (void)context; return -1; }
void freecon(char *context) { free(context); }

void (*xmlFree)(void *) = free;
int xmlElemDump(void *out, void *doc, void *node) { (void)out, (void)doc, (void)node; return -1; }
void xmlFreeNode(void *node) { (void)node; }
void *xmlNewChild(void *parent, void *ns, const void *name, const void *content)
{ (void)parent, (void)ns, (void)name, (void)content; return NULL; }
void *xmlNewTextChild(void *parent, void *ns, const void *name, const void *content)
{ (void)parent, (void)ns, (void)name, (void)content; return NULL; }
void *xmlNewNode(void *ns, const void *name) { (void)ns, (void)name; return NULL; }
void *xmlSetProp(void *node, const void *name, const void *value) { (void)node, (void)name, (void)value; return NULL; }
