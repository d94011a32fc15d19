"""Who may call a pod: nobody is asked, API keys, JSON web tokens; `opening.build` makes what is asked for."""
