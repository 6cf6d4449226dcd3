/* SPDX-License-Identifier: LGPL-2.1-or-later
   augeas.h names this type, in a function that nothing here calls: see unused.c. */
typedef struct _xmlNode xmlNode;
