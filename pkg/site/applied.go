package site

// Applied gives where the configuration in force comes from; the zero Origin is the file.
func (d *Directory) Applied() Origin {
	d.choosing.Lock()
	defer d.choosing.Unlock()
	return d.applied
}

// Adopt says, at the start, that the configuration in force is an applied one.
func (d *Directory) Adopt(o Origin) {
	d.choosing.Lock()
	defer d.choosing.Unlock()
	d.applied = o
}

// Apply puts a configuration in force that is meant for all processes. From then on it goes before the file.
func (d *Directory) Apply(o Origin, config *Config) {
	d.choosing.Lock()
	defer d.choosing.Unlock()
	d.applied = o
	d.Use(config)
}

// Unapply says that no configuration is applied any more, and puts the file in force again, if it is sound; Watch's
// changed is told of it. It reports whether one was applied.
func (d *Directory) Unapply() bool {
	d.choosing.Lock()
	was := d.applied
	d.applied = Origin{}
	d.choosing.Unlock()
	if was == (Origin{}) {
		return false
	}
	if f := d.file.Load(); f != nil {
		f.mu.Lock()
		f.seen = fileStamp{size: -1}
		f.mu.Unlock()
	}
	d.look()
	return true
}

// offer puts the file in force, unless an applied configuration is. It tells what is to be told.
func (d *Directory) offer(file string, config *Config, err error) (*Config, error) {
	d.choosing.Lock()
	defer d.choosing.Unlock()
	applied := d.applied != Origin{}
	switch {
	case applied && (err != nil || !config.equal(d.Config())):
		return nil, NotInForce{File: file, Applied: d.applied, Err: err}
	case err != nil:
		return nil, err
	case applied || config.Revision == d.Config().Revision:
		return nil, nil //nolint:nilnil // nothing to tell
	}
	d.Use(config)
	return config, nil
}
