"""The command line, the settings and the pipeline that joins the parts."""
