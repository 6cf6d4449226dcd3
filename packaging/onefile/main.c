/* SPDX-License-Identifier: LGPL-2.1-or-later
   The program of the single file: Python, linked statically, with its modules in a zip archive at the end of the file.
   Nothing is unpacked, so neither a writable nor an executable directory is needed. */
#define _GNU_SOURCE
#include <Python.h>
#include <nss.h>
#include <stdlib.h>
#include <sys/auxv.h>

PyMODINIT_FUNC PyInit__augeas(void);
PyMODINIT_FUNC PyInit__bz2(void);
PyMODINIT_FUNC PyInit__cffi_backend(void);
PyMODINIT_FUNC PyInit__contextvars(void);
PyMODINIT_FUNC PyInit__json(void);
PyMODINIT_FUNC PyInit__lzma(void);
PyMODINIT_FUNC PyInit__psutil_linux(void);
PyMODINIT_FUNC PyInit_resource(void);

static struct _inittab modules[] = {
    {"_augeas", PyInit__augeas},
    {"_bz2", PyInit__bz2},
    {"_cffi_backend", PyInit__cffi_backend},
    {"_contextvars", PyInit__contextvars},
    {"_json", PyInit__json},
    {"_lzma", PyInit__lzma},
    {"psutil._psutil_linux", PyInit__psutil_linux},
    {"resource", PyInit_resource},
    {NULL, NULL},
};

/* The path of this file. The kernel's own answer needs /proc; else the path that was executed. */
static char *self(void)
{
    char *path = realpath("/proc/self/exe", NULL);
    return path ? path : realpath((const char *)getauxval(AT_EXECFN), NULL);
}

static PyStatus configure(PyConfig *config, int argc, char **argv)
{
    PyStatus status;
    char *path = self();
    if (!path)
        return PyStatus_Error("the file of this program cannot be found: mount /proc");
    /* In C's locale a multibyte path would be lost: Python's own decoder keeps every byte. */
    wchar_t *home = Py_DecodeLocale(path, NULL);
    if (!home)
        return PyStatus_NoMemory();
    config->install_signal_handlers = 1;
    config->module_search_paths_set = 1;
    config->site_import = 0;
    config->write_bytecode = 0;
    wchar_t **strings[] = {
        &config->program_name, &config->executable, &config->base_executable, &config->prefix, &config->exec_prefix,
        &config->base_prefix, &config->base_exec_prefix,
    };
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        if (PyStatus_Exception(status = PyConfig_SetString(config, strings[i], home)))
            return status;
    if (PyStatus_Exception(status = PyWideStringList_Append(&config->module_search_paths, home)) ||
        PyStatus_Exception(status = PyConfig_SetBytesArgv(config, argc, argv)) ||
        PyStatus_Exception(status = PyConfig_SetString(config, &config->run_command,
                                                      L"from grubkd.__main__ import run; run()")))
        return status;
    return Py_InitializeFromConfig(config);
}

int main(int argc, char **argv)
{
    PyPreConfig before;
    PyConfig config;
    PyStatus status;

    /* Any other source of names is a shared library of the system, which must not be loaded into a static program. */
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
    /* The locales of the system belong to its own C library: read and write UTF-8 whatever they are. */
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1;
    PyConfig_InitIsolatedConfig(&config);
    status = Py_PreInitialize(&before);
    if (!PyStatus_Exception(status) && PyImport_ExtendInittab(modules))
        status = PyStatus_NoMemory();
    if (!PyStatus_Exception(status))
        status = configure(&config, argc, argv);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
    return Py_RunMain();
}
